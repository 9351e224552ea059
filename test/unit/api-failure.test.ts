import { DrizzleQueryError } from 'drizzle-orm/errors'
import { HTTPException } from 'hono/http-exception'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { failureOf, loggable } from '../../src/api/failure.ts'
import { TimeLimitError } from '../../src/api/time-limit.ts'

const withCode = (code: string) => Object.assign(new Error(code), { code })

describe('what is thrown', () => {
  it.each(['57014', '57P01', '08006', '53300', 'ECONNREFUSED', 'CONNECTION_ENDED', 'CONNECT_TIMEOUT', 'ENOTFOUND'])(
    'is unavailable when the database says %s, wrapped by Drizzle or not',
    (code) => {
      expect(failureOf(withCode(code)).code).toBe('unavailable')
      expect(failureOf(new DrizzleQueryError('select 1', [], withCode(code))).code).toBe('unavailable')
    },
  )

  it('is unavailable when nothing answers in time', () => {
    expect(failureOf(new TimeLimitError(10)).code).toBe('unavailable')
  })

  it.each(['42P01', '42501', '22P02', '23505'])('is a defect of ours when the database says %s', (code) => {
    expect(failureOf(new DrizzleQueryError('select 1', [], withCode(code))).code).toBe('internal')
  })

  it('stays what it is when the API itself refuses', () => {
    const error = new ApiError('not_found', 'no')
    expect(failureOf(error)).toBe(error)
    expect(failureOf(new HTTPException(400, { message: 'Malformed JSON' })).code).toBe('malformed_request')
    expect(failureOf('a string').code).toBe('internal')
  })
})

describe('what is logged', () => {
  it('has the query and its cause, without the parameters', () => {
    const error = new DrizzleQueryError('select $1', ['s3cret'], withCode('42P01'))
    const line = JSON.stringify(loggable(failureOf(error)))
    expect(line).toContain('select $1')
    expect(line).toContain('42P01')
    expect(line).not.toContain('s3cret')
  })
})
