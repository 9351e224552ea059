/**
 * MQTT topic filters (MQTT 5.0, section 4.7) as regular expressions that JavaScript and Postgres read alike, for
 * topics that were logged.
 */
const special = /[.*+?^${}()|[\]\\]/g

/** The source of an anchored regular expression; undefined where the text is no topic filter. */
export function topicPattern(filter: string): string | undefined {
  if (filter === '' || filter.includes('\0')) return undefined
  const levels = filter.split('/')
  const wrong = levels.some((level, index) => {
    if (level === '+') return false
    if (level === '#') return index < levels.length - 1
    return /[+#]/.test(level)
  })
  if (wrong) return undefined
  const parts = levels.map((level, index) => {
    const slash = index === 0 ? '' : '/'
    // `a/#` is `a` too.
    if (level === '#') return index === 0 ? '.*' : '(/.*)?'
    return slash + (level === '+' ? '[^/]*' : level.replaceAll(special, String.raw`\$&`))
  })
  return `^${parts.join('')}$`
}
