import { z } from '@hono/zod-openapi'
import { permissions, roles, type Permission } from '../../auth/permissions.ts'
import { codePattern } from '../../ids.ts'

/** What the routes of accounts take and answer: the shapes of the OpenAPI document. */
const longestName = 200
/** A bound for what is read at all; the rules say more (auth/email-address.ts, auth/password-text.ts). */
const longestInput = 1024

const oneLine = z
  .string()
  .trim()
  .min(1)
  .max(longestName)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be one line of text')
const email = z.string().max(longestInput).openapi({ format: 'email', example: 'jane@acme.example' })
const password = (example: string) => z.string().max(longestInput).openapi({ format: 'password', example })
const passwordNow = password('plinth gravel otter')
const passwordNext = password('wandering teapot museum')
const time = z.iso.datetime({ precision: 3 })
const id = z.uuid()

export const registerBody = z
  .strictObject({
    email,
    password: passwordNow,
    name: oneLine.openapi({ example: 'Jane Doe' }),
    tenant_name: oneLine.openapi({ example: 'Acme Parking' }),
    tenant_slug: z
      .string()
      .regex(codePattern, 'must be 1 to 64 of A-Z a-z 0-9 . _ ~ -')
      .openapi({ description: 'the code of the new tenant: part of topics and of public URLs', example: 'acme' }),
  })
  .openapi('Registration')

export const loginBody = z
  .strictObject({
    email,
    password: passwordNow,
    remember: z.boolean().default(false).openapi({ description: 'stay signed in for longer than a day' }),
    new_password: passwordNext
      .optional()
      .openapi({ description: 'takes the place of a password that must be changed' }),
  })
  .openapi('Login')

/** As OAuth 2 clients send it (RFC 6749, 4.3.2); what they say of themselves is not looked at. */
export const loginForm = z
  .strictObject({
    grant_type: z.literal('password').optional(),
    username: email,
    password: passwordNow,
    new_password: passwordNext.optional(),
    scope: z.string().max(longestInput).optional(),
    client_id: z.string().max(longestInput).optional(),
    client_secret: z.string().max(longestInput).optional(),
  })
  .openapi('LoginForm')

export const tokensBody = z
  .object({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().openapi({ description: 'life of the access token, in seconds' }),
  })
  .openapi('Tokens', {
    example: { access_token: 'eyJhbGciOi…', refresh_token: 'q1Zt…', token_type: 'Bearer', expires_in: 900 },
  })

export const acceptedBody = z
  .object({ status: z.literal('accepted') })
  .openapi('Accepted', { example: { status: 'accepted' } })

export const emailBody = z.strictObject({ email }).openapi('EmailAddress')

export const confirmBody = z
  .strictObject({
    email,
    code: z
      .string()
      .regex(/^\d{6,8}$/, 'must be the digits of the code')
      .openapi({ example: '042917' }),
  })
  .openapi('EmailConfirmation')

export const resetBody = z
  .strictObject({
    token: z.string().max(longestInput).openapi({
      description: 'the token of the link that was sent',
      example: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55.2bVkIq0gD4xwJm0j3k9b0m1fT2s3Yk4u5w6x7y8z9A0',
    }),
    password: passwordNext,
  })
  .openapi('PasswordReset')

export const changeBody = z
  .strictObject({ current_password: passwordNow, new_password: passwordNext })
  .openapi('PasswordChange')

export const profileChange = z
  .strictObject({ name: oneLine })
  .openapi('ProfileChange', { example: { name: 'Jane Doe' } })

export const profileBody = z
  .object({ id, email: z.string(), name: z.string(), email_verified: z.boolean(), created_at: time })
  .openapi('Profile', {
    example: {
      id: '01995b6e-8f0c-7d31-9a44-6a1f2f0b7c55',
      email: 'jane@acme.example',
      name: 'Jane Doe',
      email_verified: true,
      created_at: '2026-11-20T09:00:00.000Z',
    },
  })

const role = z.enum(roles)
const permission = z.enum(Object.keys(permissions) as [Permission, ...Permission[]])

export const meBody = z
  .object({
    user: profileBody
      .extend({
        platform_administrator: z.boolean(),
        password_expires_at: time.nullable().openapi({ description: 'when the next login needs another password' }),
      })
      .openapi('MeUser')
      .nullable()
      .openapi({ description: 'null for an API key' }),
    api_key: z.object({ id }).nullable().openapi({ description: 'null for a person' }),
    tenant: z.object({ id, role }).nullable().openapi({ description: 'the one that is worked in' }),
    tenants: z.array(z.object({ id, slug: z.string(), name: z.string(), role, suspended: z.boolean() })),
    permissions: z.array(permission).openapi({ description: 'in the tenant that is worked in' }),
  })
  .openapi('Me')
