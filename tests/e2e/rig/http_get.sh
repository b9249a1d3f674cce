#!/bin/bash
# http_get.sh HOST PORT PATH: prints the body of an HTTP answer. Fails unless the status is 200.
{ exec 3<> "/dev/tcp/$1/$2"; } 2> /dev/null || exit 1
printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$1" >&3
IFS=' ' read -r -t 5 _ status _ <&3
while IFS= read -r -t 5 line <&3 && [ "${line%$'\r'}" ]; do :; done
cat <&3
[ "$status" = 200 ]
