import { Time } from '../components/time.tsx'
import { messageHref } from './links.ts'
import { piecesOf } from './words.ts'

/** A sentence of the API, its times those of the site's clocks, and the messages that it names to be followed. */
export function Told({
  sentence,
  timezone,
  at,
  spaceId,
}: {
  sentence: string
  timezone: string
  /** About when the messages arrived that it names. */
  at?: string
  spaceId: string
}) {
  return (
    <>
      {piecesOf(sentence).map((piece, index) => {
        if ('text' in piece) return piece.text
        if ('at' in piece) return <Time key={index} at={piece.at} timezone={timezone} />
        const { id, part } = piece.message
        return (
          <a key={index} href={messageHref({ id, part, at: at ?? timeOfId(id), spaceId })}>
            message {id.slice(-6)}
          </a>
        )
      })}
    </>
  )
}

/** Ids of messages begin with the time at which they were made (UUIDv7): that of their arrival. */
function timeOfId(id: string): string {
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toISOString()
}
