import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'

const directory = mkdtempSync(join(tmpdir(), 'baywire-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

const url = 'postgres://owner:hidden-word@db/baywire'

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('a secret in a file', () => {
  it.each([
    ['as it stands', url],
    ['with a line break at its end', `${url}\n`],
    ['with one of Windows', `${url}\r\n`],
  ])('is read %s', (_, text) => {
    expect(readConfig({ DATABASE_URL_FILE: file('url', text) }).DATABASE_URL).toBe(url)
  })

  it('may be given for every secret setting', () => {
    const config = readConfig({
      DATABASE_URL_API_FILE: file('api', url),
      DATABASE_URL_INGEST_FILE: file('ingest', url),
      MQTT_URL_FILE: file('mqtt', 'mqtt://u:p@broker\n'),
    })
    expect(config).toMatchObject({ DATABASE_URL_API: url, DATABASE_URL_INGEST: url, MQTT_URL: 'mqtt://u:p@broker' })
  })

  it('that is not there is refused, with its path', () => {
    const path = join(directory, 'missing')
    expect(() => readConfig({ DATABASE_URL_FILE: path })).toThrow(
      `DATABASE_URL_FILE: cannot be read: ENOENT: no such file or directory, open '${path}'`,
    )
  })

  it('is refused beside the setting itself, and where it is empty', () => {
    const path = file('both', url)
    expect(() => readConfig({ DATABASE_URL: url, DATABASE_URL_FILE: path })).toThrow(
      'DATABASE_URL and DATABASE_URL_FILE: only one of them may be given',
    )
    expect(() => readConfig({ MQTT_URL_FILE: file('empty', '\n') })).toThrow(/MQTT_URL_FILE: .* is empty/)
  })

  it('that holds something else is named by its own setting and never shown', () => {
    const path = file('wrong', 'mysql://u:hidden-word@h/x')
    const read = () => readConfig({ DATABASE_URL_FILE: path })
    expect(read).toThrow(/DATABASE_URL_FILE: must be a URL that begins with/)
    expect(read).not.toThrow(/hidden-word/)
  })

  it('is for secrets alone', () => {
    expect(readConfig({ BAYWIRE_HOST_FILE: join(directory, 'missing') }).BAYWIRE_HOST).toBe('127.0.0.1')
  })
})
