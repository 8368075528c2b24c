# siemstress in a container: the lake is the volume, the config is mounted.
#   docker build -t siemstress .
#   docker run -v lake:/var/lib/siemstress -v ./siemstress.conf:/etc/siemstress.conf:ro \
#       -p 514:514/udp -p 514:514 siemstress siemparse --collect
FROM python:3.13-slim

COPY . /usr/src/siemstress
RUN pip install --no-cache-dir /usr/src/siemstress \
    && rm -r /usr/src/siemstress \
    && useradd --system --home-dir /var/lib/siemstress --create-home siemstress
USER siemstress
ENV SIEMSTRESS_STORE=/var/lib/siemstress
VOLUME /var/lib/siemstress
CMD ["siemparse", "--collect"]
