# A node of k3s on which the runbooks' steps find what they find on a Pi: k3s' own image has a busybox
# and nothing else. Of k3s nothing is changed; beside it, below /opt/host, lies a Debian with Python,
# and each command named here is started from there by that Debian's own loader.
ARG K3S
ARG PYTHON
FROM ${PYTHON} AS host
RUN set -eu; \
    tools="awk bash cat cmp cp cut dd diff find grep head ls mkdir mv rm sed sh sha256sum sort stat tail touch tr truncate wc"; \
    loader=$(readlink -f /lib*/ld-linux-*.so.* | head -n 1); \
    libraries=$(find /lib /usr/lib /usr/local/lib -name 'lib*.so*' -exec dirname {} + | sort -u | sed 's|^|/opt/host|' | paste -sd :); \
    start="/opt/host$loader --library-path $libraries"; \
    mkdir -p /commands; \
    for tool in $tools; do \
        printf '#!/bin/sh\nexec %s /opt/host%s "$@"\n' "$start" "$(readlink -f "$(command -v $tool)")" > /commands/$tool; \
    done; \
    home=$(python3 -c 'import sys; print(sys.prefix)'); \
    printf '#!/bin/sh\nPYTHONHOME=/opt/host%s exec %s /opt/host%s "$@"\n' \
        "$home" "$start" "$(readlink -f "$(command -v python3)")" > /commands/python3; \
    chmod 755 /commands/*

FROM ${K3S}
COPY --from=host / /opt/host/
COPY --from=host /commands/ /usr/local/bin/
ENV PATH=/usr/local/bin:$PATH
