import type { ListedSpeaker } from '../../store/speaker-list.ts'

const headings = ['kind', 'code', 'space', 'credential', 'presence', 'last heard'] as const

/** For people: a line each, in columns. */
export function speakerTable(speakers: readonly ListedSpeaker[]): string {
  const rows = [headings, ...speakers.map(cells)]
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cells(speaker: ListedSpeaker): string[] {
  const { kind, code, space, presence, last_heard_at: heard } = speaker
  return [kind.slice(0, -1), code, space ?? '-', credentialOf(speaker), presence ?? '-', heard ?? '-']
}

function credentialOf({ credential_since: since, credential_revoked_at: revokedAt }: ListedSpeaker): string {
  if (since === null) return 'none'
  return revokedAt === null ? `since ${since}` : `revoked ${revokedAt}`
}
