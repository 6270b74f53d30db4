# Sourced by the Job gen-certs: the Secret with nginx's certificate, unless there is one.
python3 -m openwhisk_standin gen-certs
