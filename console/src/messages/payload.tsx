import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { countOf } from '../numbers.ts'
import { hexDump, indented } from './hex-dump.ts'

export interface Payload {
  bytes: number
  text: string | null
  hex: string
}

/** A payload as text, where it can be printed, and byte by byte. Whatever is in it, it is shown and never run. */
export function PayloadView({ payload, elsewhere }: { payload: Payload | null; elsewhere?: ComponentChildren }) {
  const canRead = payload !== null && payload.text !== null
  const [asHex, setAsHex] = useState(!canRead)
  if (payload === null) return <p class="none">{elsewhere ?? 'It is not kept any more.'}</p>
  const shown = payload.hex.length / 2
  const narrow = matchMedia('(width <= 700px)').matches
  return (
    <>
      <div class="payload-heading">
        <span>
          {countOf(payload.bytes, 'byte')}
          {shown < payload.bytes ? `, of which these are the first ${shown}` : ''}
          {payload.text === null && payload.bytes > 0 ? '; they cannot be shown as text' : ''}
        </span>
        <span class="payload-kinds">
          <button type="button" class="small" aria-pressed={!asHex} disabled={!canRead} onClick={() => setAsHex(false)}>
            Text
          </button>
          <button type="button" class="small" aria-pressed={asHex} onClick={() => setAsHex(true)}>
            Bytes
          </button>
        </span>
      </div>
      {payload.bytes === 0 ? (
        <p class="none">It is empty.</p>
      ) : (
        <pre class="payload" tabIndex={0} aria-label={asHex ? 'The payload, byte by byte' : 'The payload as text'}>
          {asHex ? hexDump(payload.hex, { perLine: narrow ? 8 : 16 }) : <bdi>{indented(payload.text ?? '')}</bdi>}
        </pre>
      )}
    </>
  )
}
