# The demo shop, with mongodump and mongorestore for its backups.

FROM node:22-bookworm-slim AS build
WORKDIR /shop
COPY package.json package-lock.json ./
RUN npm ci
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:22-bookworm-slim
# The vendor has packages for Debian on amd64 only; those for Ubuntu 22.04 need nothing that Debian 12 has not.
ADD --chmod=644 https://pgp.mongodb.com/server-8.0.asc /usr/share/keyrings/mongodb.asc
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && echo 'deb [signed-by=/usr/share/keyrings/mongodb.asc] https://repo.mongodb.org/apt/ubuntu jammy/mongodb-org/8.0 multiverse' \
      > /etc/apt/sources.list.d/mongodb.list \
 && apt-get update \
 && apt-get install --yes --no-install-recommends mongodb-database-tools \
 && rm -rf /var/lib/apt/lists/* \
 && mongodump --version \
 && install --directory --owner=node /backups
WORKDIR /shop
COPY --from=build /shop/package.json ./
# Whole: what only the shop needs are development dependencies of the package.
COPY --from=build /shop/node_modules node_modules
COPY --from=build /shop/dist dist
USER node
EXPOSE 3000
CMD ["node", "dist/flora/main.js"]
