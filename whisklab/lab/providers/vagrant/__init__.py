"""Machines that Vagrant makes, by VirtualBox or libvirt, from the repository's Vagrantfile."""
