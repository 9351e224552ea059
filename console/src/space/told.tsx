import { Time } from '../components/time.tsx'
import { MessageLink, timeOfId } from './message-link.tsx'
import { piecesOf } from './words.ts'

/** A sentence of the API, its times those of the site's clocks, and the messages that it names to be followed. */
export function Told({ sentence, timezone, spaceId }: { sentence: string; timezone: string; spaceId: string }) {
  return (
    <bdi>
      {piecesOf(sentence).map((piece, index) => {
        if ('text' in piece) return piece.text
        if ('at' in piece) return <Time key={index} at={piece.at} timezone={timezone} />
        const { id, part } = piece.message
        return <MessageLink key={index} mentioned={{ id, part, near: timeOfId(id), spaceId }} />
      })}
    </bdi>
  )
}
