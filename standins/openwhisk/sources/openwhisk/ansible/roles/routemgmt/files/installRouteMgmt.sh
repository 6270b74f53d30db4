#!/bin/bash
# installRouteMgmt.sh AUTH API_HOST NAMESPACE WSK: the stand-in has no routes to manage, so this
# only waits until the API gateway and the API answer.
for url in "${GW_HOST_V2%/v2}/v1/health-check" "$2/ping"; do
    curl --silent --show-error --fail --output /dev/null --retry 60 --retry-delay 1 --retry-all-errors "$url" || {
        echo "$url does not answer: look at the pods of apigateway and nginx"
        exit 1
    }
done
echo "the API gateway answers"
