import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settings } from '../../src/config.ts'

const page = join(import.meta.dirname, '../../docs/settings.md')

test('docs/settings.md says what config.ts says', () => {
  const rows = Object.entries(settings).map(([name, setting]) => {
    const value = name === 'BAYWIRE_INSTANCE' ? 'the name of the host' : setting.default
    return `| \`${name}\` | ${value === undefined ? '' : `\`${value}\``} | ${setting.about} |`
  })
  const text = readFileSync(page, 'utf8')
  expect(text.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows)
  expect(text).not.toContain(`\`${hostname()}\``)
})
