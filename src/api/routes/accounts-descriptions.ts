import { createRoute } from '@hono/zod-openapi'
import { json, problem } from '../responses.ts'
import { noQuery } from '../schemas.ts'
import {
  acceptedBody,
  changeBody,
  confirmBody,
  emailBody,
  loginBody,
  loginForm,
  meBody,
  profileBody,
  profileChange,
  registerBody,
  resetBody,
  tokensBody,
} from './accounts-schemas.ts'

/** The routes of accounts as the OpenAPI document has them: what they take, and what they answer. */
const PREFIX = '/api/v1/auth'

const failures = {
  400: problem('invalid_input', 'A field is wrong or unknown; `errors` names it.'),
  500: problem('internal', 'Something went wrong. The request id finds it in the log.'),
  503: problem('unavailable', 'The database does not answer, or too much is asked; see `Retry-After`.'),
}
const tooMany = { 429: problem('too_many_requests', 'Too much came from this address; see `Retry-After`.') }
const wrongToken = { 401: problem('unauthenticated', 'There is no good access token.') }
const forPeople = { 403: problem('forbidden', 'An API key cannot do it.') }

const open = { tags: ['accounts'] }
const signedIn = { tags: ['accounts'], security: [{ bearer: [] }] }

function body<Schema>(schema: Schema) {
  return { body: { required: true, content: { 'application/json': { schema } } }, query: noQuery }
}

function etagged<Answer extends { headers: object }>(answer: Answer) {
  const etag = { description: 'the revision: send it as `If-Match`', schema: { type: 'string' } } as const
  return { ...answer, headers: { ...answer.headers, ETag: etag } }
}

const done = { description: 'done' }

export const registerRoute = createRoute({
  ...open,
  method: 'post',
  path: `${PREFIX}/register`,
  summary: 'Register a person and their new tenant',
  description:
    'The same answer for a new address and for one that has an account. In development the account can log in at once; in production once its address is verified.',
  request: body(registerBody),
  responses: {
    202: json(acceptedBody, 'it is being looked at'),
    409: problem('conflict', 'There is a tenant of this slug.'),
    ...failures,
  },
})

export const loginRoute = createRoute({
  ...open,
  method: 'post',
  path: `${PREFIX}/login`,
  summary: 'Log in',
  description:
    'JSON, or a form as OAuth 2 clients send it. One answer for a wrong password and for an account that is unknown, closed, disabled or not verified. The cookie marks the device as known and lets nobody in.',
  request: {
    query: noQuery,
    body: {
      // Not `required`: that would hold each of the two schemas against the other kind of body.
      content: {
        'application/json': { schema: loginBody },
        'application/x-www-form-urlencoded': { schema: loginForm },
      },
    },
  },
  responses: {
    200: json(tokensBody, 'signed in'),
    401: problem('unauthenticated', 'Address and password do not belong together.'),
    403: problem('password_change_required', 'The password must be changed: send `new_password` as well.'),
    ...tooMany,
    ...failures,
  },
})

export const meRoute = createRoute({
  ...signedIn,
  method: 'get',
  path: `${PREFIX}/me`,
  summary: 'Who is signed in, where they belong and what they may do',
  request: { query: noQuery },
  responses: { 200: json(meBody, 'a person, or an API key'), ...wrongToken, ...failures },
})

export const profileRoute = createRoute({
  ...signedIn,
  method: 'get',
  path: `${PREFIX}/profile`,
  summary: 'The own profile',
  request: { query: noQuery },
  responses: { 200: etagged(json(profileBody, 'the profile')), ...wrongToken, ...forPeople, ...failures },
})

export const changeProfileRoute = createRoute({
  ...signedIn,
  method: 'patch',
  path: `${PREFIX}/profile`,
  summary: 'Change the own profile',
  description: 'Needs `If-Match`. The address cannot be changed.',
  request: body(profileChange),
  responses: {
    200: etagged(json(profileBody, 'the profile as it is now')),
    412: problem('revision_outdated', 'It was changed in the meantime: read it again.'),
    428: problem('revision_required', 'Send the ETag of what you have read as If-Match.'),
    ...wrongToken,
    ...forPeople,
    ...failures,
  },
})

export const changePasswordRoute = createRoute({
  ...signedIn,
  method: 'post',
  path: `${PREFIX}/password/change`,
  summary: 'Change the own password',
  description:
    'Ends all other sessions, and all codes and links that were sent. A wrong current password counts as at a login.',
  request: body(changeBody),
  responses: {
    204: done,
    409: problem('conflict', 'The password was changed in the meantime.'),
    ...wrongToken,
    ...forPeople,
    ...failures,
  },
})

export const forgotPasswordRoute = createRoute({
  ...open,
  method: 'post',
  path: `${PREFIX}/password/forgot`,
  summary: 'Ask for a link to reset a password',
  description: 'The same answer whether or not there is an account of this address.',
  request: body(emailBody),
  responses: { 202: json(acceptedBody, 'a link is sent where there is an account'), ...failures },
})

export const resetPasswordRoute = createRoute({
  ...open,
  method: 'post',
  path: `${PREFIX}/password/reset`,
  summary: 'Set another password with the token of a link',
  description: 'Once. Ends all sessions, and opens the account where it was closed.',
  request: body(resetBody),
  responses: { 204: done, ...failures },
})

export const sendVerificationRoute = createRoute({
  ...open,
  method: 'post',
  path: `${PREFIX}/email/verify/send`,
  summary: 'Ask for a code to verify an address',
  description: 'The same answer whether or not there is an account of this address that is to be verified.',
  request: body(emailBody),
  responses: { 202: json(acceptedBody, 'a code is sent where one is needed'), ...failures },
})

export const confirmEmailRoute = createRoute({
  ...open,
  method: 'post',
  path: `${PREFIX}/email/verify/confirm`,
  summary: 'Verify an address with the code that was sent',
  request: body(confirmBody),
  responses: { 204: done, ...tooMany, ...failures },
})
