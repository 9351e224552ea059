import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isCommon, wordList } from '../../src/auth/common-passwords.ts'
import { passwordErrors, passwordPresets, strictest, type PasswordRules } from '../../src/auth/password-rules.ts'
import { passwordText } from '../../src/auth/password-text.ts'

const words = wordList()
const rulesOf = (preset: keyof typeof passwordPresets): PasswordRules => ({ history: 5, ...passwordPresets[preset] })
const presets = Object.keys(passwordPresets) as (keyof typeof passwordPresets)[]

function problems(text: string, preset: keyof typeof passwordPresets, about: string[] = []): string[] {
  return passwordErrors({ text, rules: rulesOf(preset), words, about, path: 'password' }).map(({ message }) => message)
}

/** What lists of common passwords begin with, whoever made them. */
const first = `
123456 123456789 12345678 password qwerty123 qwerty1 111111 12345 secret 123123 1234567890 1234567 000000 qwerty abc123 password1
iloveyou 11111111 dragon monkey 123321 654321 666666 1q2w3e4r 1q2w3e4r5t qwertyuiop 123qwe zxcvbnm 121212 asdasd a123456 superman
letmein trustno1 1qaz2wsx 7777777 fuckyou baseball football sunshine master princess welcome shadow ashley michael 987654321
qazwsx hello charlie donald password123 aa123456 admin solo login starwars passw0rd 1234qwer 888888 lovely michelle jordan hunter
1qaz2wsx3edc qwe123 asdfghjkl 123456a 159753 147258369 asdf1234 computer jessica pokemon q1w2e3r4t5 zaq12wsx qwer1234 55555 112233
superman1 hunter2 liverpool chelsea arsenal naruto killer tigger freedom whatever
`
  .trim()
  .split(/\s+/)

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function swapped(word: string): string {
  return word.replaceAll('a', '@').replaceAll('e', '3').replaceAll('i', '1').replaceAll('o', '0').replaceAll('s', '$')
}

/** Bases that nobody wrote into the list for this test's sake, as people dress them up for a rule of four classes. */
const bases = [
  'password',
  'welcome',
  'summer',
  'dragon',
  'monkey',
  'liverpool',
  'michael',
  'sunshine',
  'football',
  'letmein',
]
const dressed = bases.flatMap((base) => [
  `${capital(base)}1!`,
  `${capital(base)}123!`,
  `${capital(base)}2024!`,
  `${capital(base)}@12345`,
  `!${capital(base)}99`,
  `${capital(swapped(base))}1!`,
  `${capital(base)}${capital(base)}1!`,
  `My${capital(base)}2025!`,
  `${capital(Array.from(base).toReversed().join(''))}1!`,
])

describe.each(presets)('the rules of %s', (preset) => {
  it('refuse what everybody takes first', () => {
    const taken = first.flatMap((text) => [text, text.toUpperCase(), `${text}!`, `${capital(text)}2026!`])
    expect(taken.filter((text) => problems(text, preset).length === 0)).toEqual([])
  })

  it('refuse it dressed up for a rule of four classes', () => {
    expect(dressed.filter((text) => problems(text, preset).every((message) => !message.includes('guess')))).toEqual([])
  })

  it('refuse walks over the keyboard, counts and repetitions', () => {
    const walks = ['qwertyuiop123', 'Qwerty123456!', '!QAZ2wsx#EDC', '123456789012', 'abcdefghijkl', 'aaaaaaaaaaaaA1!']
    const more = ['121212121212', 'abcabcabcabc', '147258369147', 'asdfghjkl;123', 'zaq12wsxcde3', 'Aa1!Aa1!Aa1!Aa1!']
    expect([...walks, ...more].filter((text) => problems(text, preset).length === 0)).toEqual([])
  })

  it('refuse what is made of the person and the tenant', () => {
    const about = [
      'fridolin.kaltwasser@harbour-garages.example',
      'Fridolin Kaltwasser',
      'harbour-garages',
      'Harbour Garages',
    ]
    const made = [
      'Kaltwasser2024!',
      'Fr1d0l1n-Kaltwasser!',
      'Harbour-Garages-1',
      'harbourgarages2026A!',
      'Baywire-Baywire-1',
    ]
    expect(made.filter((text) => problems(text, preset, about).length === 0)).toEqual([])
  })

  it('take what is long enough and nobody thinks of', () => {
    const good = ['Wandering teapot 7 museum', 'kT7#qLm2vXz9wR', 'Plinth-gravel-0tter', 'Über 7 Hügel, weit & breit']
    expect(good.flatMap((text) => problems(text, preset))).toEqual([])
  })
})

it('modern asks for length alone', () => {
  expect(problems('kT7#qLm2vXz', 'modern')).toEqual(['must have at least 12 characters'])
  expect(problems('correct horse battery staple', 'modern')).toEqual([])
  expect(problems('🦊🪁🧭🪵🫖🧶🪛🧿🪺🫧🛷🪷', 'modern')).toEqual([])
})

it('classic asks for four classes', () => {
  expect(problems('kt7#qlm2', 'classic')).toEqual(['must have an upper-case letter'])
  expect(problems('kTqLmvXzwR', 'classic')).toEqual(['must have a digit, a special character'])
  expect(problems('kT7#qLm', 'classic')).toEqual(['must have at least 8 characters'])
  expect(problems('kT7#qLm2', 'classic')).toEqual([])
})

describe("a tenant's own rules", () => {
  const operator = rulesOf('modern')

  it('count where they are stricter', () => {
    const own = { min_length: 16, classes: true, history: 10, expiry_days: 30 }
    expect(strictest(operator, [own])).toEqual({ minLength: 16, classes: true, history: 10, expiryDays: 30 })
    expect(strictest(operator, [{ expiry_days: 30 }, { expiry_days: 10 }])).toMatchObject({ expiryDays: 10 })
  })

  it('never make anything laxer, and what is none does nothing', () => {
    expect(strictest(operator, [{ min_length: 8, history: 0 }])).toEqual(operator)
    expect(strictest(operator, [null, undefined, 'x', { classes: false }, { min_length: 1 }, []])).toEqual(operator)
    expect(strictest(rulesOf('classic'), [{ expiry_days: 365 }])).toMatchObject({ expiryDays: 90 })
  })
})

it("an operator's own list is heeded, and what is like one of its lines", () => {
  const own = wordList(['Kugelblitzableiter', '94826173550261'])
  for (const text of ['kugelblitzableiter', 'Kug3lbl1tzableiter2024!', '94826173550261']) {
    expect(isCommon(text, { words: own, context: [] }), text).toBe(true)
    expect(isCommon(text, { words, context: [] }), text).toBe(false)
  }
})

it('takes no long time over anything', () => {
  // Nothing is asserted about the clock: an exponential search would end in the time limit of the test.
  const hostile = ['man'.repeat(42), 'manboy'.repeat(21), 'a1'.repeat(64), '!'.repeat(128), 'loveman boy '.repeat(10)]
  for (let round = 0; round < 20; round += 1)
    for (const text of hostile) isCommon(text, { words, context: ['man', text] })
})

describe('a password as it is hashed', () => {
  it('is normalised, and otherwise as it was typed', () => {
    expect(passwordText('u\u0308ber')).toEqual({ text: 'über' })
    expect(passwordText('  spaces stay  ')).toEqual({ text: '  spaces stay  ' })
  })

  it.each([
    ['128 characters', 'x'.repeat(128), true],
    ['129 characters', 'x'.repeat(129), false],
    ['128 characters of four bytes', '🦊'.repeat(128), true],
    ['129 of them', '🦊'.repeat(129), false],
    ['130 characters that are 65 when normalised', 'u\u0308'.repeat(65), true],
    ['nothing', '', false],
    ['half a character', 'long enough \udc00', false],
  ])('%s', (_, text, taken) => {
    expect('text' in passwordText(text)).toBe(taken)
  })

  it('is cut nowhere: of the naughty strings each stays itself', ({ skip }) => {
    const path = new URL('../../../shared/data/malformed/naughty-strings.json', import.meta.url)
    let text = ''
    try {
      text = readFileSync(path, 'utf8')
    } catch {
      skip('the shared list of naughty strings is not on this machine')
    }
    for (const naughty of JSON.parse(text) as string[]) {
      const read = passwordText(naughty)
      if ('text' in read) expect(read.text).toBe(naughty.normalize('NFC'))
    }
  })
})
