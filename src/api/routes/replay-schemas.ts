import { z } from '@hono/zod-openapi'
import { readingOutcome } from './explain-schemas.ts'
import { exampleId, id, status, time } from './place-schemas.ts'

/** What a dry run came to: the same as `baywire replay --json` prints (replay/dry-run-report.ts). */
const count = z.int().min(0)
const outcomeCounts = z.partialRecord(readingOutcome, count)
const minutes = z.number().openapi({ description: 'for how long people would have seen something else' })
const changes = { recorded: count, replayed: count, removed: count, added: count }

const noShow = z.object({
  reservation: id,
  space: z.string(),
  start: time,
  at: time.openapi({ description: 'when it became a no-show, or would have' }),
})

export const dryRunReport = z
  .object({
    readings: count,
    spaces: count.openapi({ description: 'that the readings reached' }),
    inputs: count.openapi({ description: 'that were folded: of these spaces, from the first that is kept on' }),
    outcomes: z.object({ recorded: outcomeCounts, replayed: outcomeCounts }),
    changed_outcomes: count,
    readable_now: count.openapi({ description: 'that were malformed, and can be read now' }),
    not_folded: count.openapi({ description: 'of which what they follow is not kept, or arrived later' }),
    missing_inputs: count,
    transitions: z.object({ ...changes, remaining: count }),
    disagreement_minutes: minutes,
    no_shows: z
      .object({
        added: z.array(noShow).openapi({ description: 'reservations that would have become no-shows, and did not' }),
        removed: z.array(noShow).openapi({ description: 'those that did, and would not have' }),
        untold: count.openapi({ description: 'of which the log does not say enough' }),
      })
      .nullable()
      .openapi({ description: 'null without another policy' }),
    by_space: z
      .array(z.object({ space: z.string(), ...changes, disagreement_minutes: minutes }))
      .openapi({ description: 'spaces that differ' }),
    changes: z
      .array(
        z.object({
          space: z.string(),
          change: z.enum(['removed', 'added']),
          kind: z.string(),
          event_time: time,
          status,
        }),
      )
      .openapi({ description: 'the first 10,000' }),
    changes_not_listed: count,
  })
  .openapi('DryRunReport', {
    example: {
      readings: 1204,
      spaces: 1,
      inputs: 1230,
      outcomes: { recorded: { applied: 1204 }, replayed: { applied: 1202, debouncing: 2 } },
      changed_outcomes: 2,
      readable_now: 0,
      not_folded: 0,
      missing_inputs: 0,
      transitions: { recorded: 1204, replayed: 1202, removed: 2, added: 0, remaining: 1202 },
      disagreement_minutes: 0.08,
      no_shows: {
        added: [],
        removed: [
          {
            reservation: exampleId,
            space: 'city/harbour/A-17',
            start: '2026-11-20T14:00:00.000Z',
            at: '2026-11-20T14:15:00.000Z',
          },
        ],
        untold: 0,
      },
      by_space: [
        {
          space: 'city/harbour/A-17',
          recorded: 1204,
          replayed: 1202,
          removed: 2,
          added: 0,
          disagreement_minutes: 0.08,
        },
      ],
      changes: [
        {
          space: 'city/harbour/A-17',
          change: 'removed',
          kind: 'occupied',
          event_time: '2026-11-20T14:03:58.120Z',
          status: 'occupied',
        },
      ],
      changes_not_listed: 0,
    },
  })
