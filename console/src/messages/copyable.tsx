import { useState } from 'preact/hooks'

/** Text to be copied, as for a terminal. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState<string>()
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied('Copied.')
    } catch {
      // Only over HTTPS, or on this computer.
      setCopied('Your browser does not let a page copy: mark it and copy it yourself.')
    }
  }
  return (
    <div class="copyable">
      <pre tabIndex={0} aria-label="Command">
        {text}
      </pre>
      <button type="button" onClick={() => void copy()}>
        {label}
      </button>{' '}
      <span role="status" class="fine">
        {copied}
      </span>
    </div>
  )
}
