"""What providers of virtual machines share: machines that are known by what we gave them."""
