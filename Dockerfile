# One image for all roles: `baywire start ingest`, `baywire start api`, `baywire start jobs`, `baywire migrate`.
# compose.yaml runs it; docs/deploy.md says how, and what of it was not tried.

FROM node:24.11-bookworm-slim AS build
WORKDIR /app
# Without scripts: what npm runs after installing is our own build, which needs the sources first.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY console ./console
RUN node scripts/build.mjs
# What runs needs neither the compiler nor the embedded Postgres.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24.11-bookworm-slim
ENV NODE_ENV=production BAYWIRE_ENV=production BAYWIRE_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY drizzle ./drizzle
COPY deploy/make-secrets.mjs ./deploy/
# A new volume takes over the owner and mode of the directory that it is mounted on first, and it is `secrets` of
# compose.yaml that mounts these first, as Mosquitto's user (1883). Postgres (999) and Baywire (1000) read theirs as
# members of the group 1000.
RUN for name in passwords postgres migrate api ingest jobs access broker; do \
      install --directory --owner=1883 --group=1000 --mode=0750 "/secrets/$name"; \
    done \
 && install --directory --owner=1883 --group=1883 --mode=0700 /var/lib/mosquitto \
 && ln -s /app/dist/main.js /usr/local/bin/baywire
USER node
EXPOSE 8080 9464
ENTRYPOINT ["node", "--enable-source-maps", "/app/dist/main.js"]
CMD ["start"]
