import { assert, property, string, stringMatching } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, toPage } from '../../src/api/cursor.ts'
import { codePattern } from '../../src/ids.ts'

const codes = stringMatching(codePattern)

const item = (row: { code: string }) => row.code

describe('cursors', () => {
  it('come back as the code that they were made of', () => {
    assert(
      property(codes, (code) => {
        expect(decodeCursor('spaces', encodeCursor('spaces', code))).toBe(code)
      }),
    )
  })

  it('are refused unless made here, and for this list', () => {
    assert(
      property(string(), (text) => {
        expect(() => decodeCursor('sites', text)).toThrow('query parameters')
      }),
    )
    const cursor = encodeCursor('sites', 'A-1')
    const bad = [encodeCursor('spaces', 'A-1'), `${cursor}=`, ` ${cursor}`, `${cursor}!`, `${cursor}A`]
    for (const text of bad) expect(() => decodeCursor('sites', text), text).toThrow('query parameters')
    for (const code of ['', 'a b', 'ü', '\0', 'x'.repeat(65), 'a:b']) {
      expect(() => decodeCursor('sites', encodeCursor('sites', code)), code).toThrow('query parameters')
    }
  })
})

describe('pages', () => {
  const rows = ['a', 'b', 'c'].map((code) => ({ code }))

  it('points behind the last item shown where there are more', () => {
    const page = toPage(rows, { list: 'sites', limit: 2, item })
    expect(page.items).toEqual(['a', 'b'])
    expect(decodeCursor('sites', page.next ?? '')).toBe('b')
  })

  it('ends where there are no more', () => {
    expect(toPage(rows, { list: 'sites', limit: 3, item })).toEqual({ items: ['a', 'b', 'c'], next: null })
    expect(toPage([], { list: 'sites', limit: 3, item })).toEqual({ items: [], next: null })
  })
})
