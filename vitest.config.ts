import { defineConfig } from 'vitest/config'

/** Integration tests that take long for what a change usually breaks: beside `operations`, and not in `npm test`. */
const long = [
  'test/api/authenticator.pg.test.ts',
  'test/api/live-rights.pg.test.ts',
  'test/api/live-slow.pg.test.ts',
  'test/api/lockout.pg.test.ts',
  'test/api/reading-events.pg.test.ts',
  'test/api/reservation-races.pg.test.ts',
  'test/api/suites-can-fail.pg.test.ts',
  'test/api/views.pg.test.ts',
  'test/mqtt/malformed-flood.mqtt.test.ts',
  'test/mqtt/mosquitto-rights.mqtt.test.ts',
  'test/pg/embedded.pg.test.ts',
  'test/pg/event-retention.pg.test.ts',
  'test/pg/explain.pg.test.ts',
  'test/pg/parking-sessions.pg.test.ts',
  'test/pg/redrive-requests.pg.test.ts',
  'test/pg/redrive.pg.test.ts',
  'test/pg/replay-sources.pg.test.ts',
  'test/pg/reservation-calendar.pg.test.ts',
  'test/pg/reservation-model.pg.test.ts',
  'test/pg/reservation-turns.pg.test.ts',
  'test/pg/silence.pg.test.ts',
]

/**
 * `unit` needs nothing; `integration` and `long` run on one embedded database that is started for the whole run; `e2e` runs the
 * program as it was built, each file on a database of its own; so does `operations`, what those need who run it, which takes
 * many starts; `console` does so with a browser; `chaos` does so and breaks things meanwhile.
 */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**', 'test/e2e/**', 'test/operations/**', 'test/chaos/**', 'test/console/**', ...long],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: long,
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/support/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'operations',
          include: ['test/operations/**/*.test.ts'],
          globalSetup: ['test/e2e/support/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'console',
          include: ['test/console/**/*.test.ts'],
          globalSetup: ['test/e2e/support/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 90_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          globalSetup: ['test/chaos/support/setup.ts'],
          hookTimeout: 90_000,
        },
      },
    ],
  },
})
