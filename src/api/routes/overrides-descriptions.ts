import { createRoute } from '@hono/zod-openapi'
import { json, problem } from '../responses.ts'
import { pageQuery } from '../schemas.ts'
import {
  newOverride,
  newOverrides,
  overrideBody,
  overrideChange,
  overrideKind,
  overrideList,
  overridePage,
} from './override-schemas.ts'
import {
  body,
  changeFailures,
  created,
  createFailures,
  deleted,
  deleteFailures,
  guardedBy,
  id,
  idParam,
  ifMatch,
  readFailures,
  resource,
  yesOrNo,
} from './place-schemas.ts'

/** The routes of overrides as the OpenAPI document has them. */
export const OVERRIDES = '/api/v1/overrides'
const ITEMS_PER_PAGE = 100

const query = pageQuery(ITEMS_PER_PAGE).extend({
  space_id: id.optional().openapi({ description: 'of this space alone' }),
  site_id: id.optional().openapi({ description: 'of the spaces of this site' }),
  kind: overrideKind.optional().openapi({ description: 'of this kind' }),
  in_force: yesOrNo
    .optional()
    .openapi({ type: 'string', enum: ['true', 'false'], description: 'still in force, or ended' }),
})
const params = idParam("the override's id")
const common = { tags: ['overrides'] }
const ended = { 409: problem('conflict', 'It has ended: make another one.') }
const { 409: _taken, ...makingFailures } = createFailures
const { 409: _used, ...endingFailures } = deleteFailures

export const listRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: OVERRIDES,
  summary: 'Overrides',
  description: 'In the order in which they were made, those that have ended too.',
  request: { query },
  responses: { 200: json(overridePage, 'a page of overrides'), ...readFailures },
})

export const readRoute = createRoute({
  ...common,
  ...guardedBy('places:read'),
  method: 'get',
  path: `${OVERRIDES}/{id}`,
  summary: 'An override',
  request: { params },
  responses: { 200: resource(overrideBody, 'the override'), ...readFailures },
})

export const createOverrideRoute = createRoute({
  ...common,
  ...guardedBy('overrides:write'),
  method: 'post',
  path: OVERRIDES,
  summary: 'Block a space, or take it out of service',
  description: 'At once, until `ends_at` or until it is ended. It replaces the one in force.',
  request: { body: body(newOverride) },
  responses: { 201: created(overrideBody), ...makingFailures },
})

export const createOverridesRoute = createRoute({
  ...common,
  ...guardedBy('overrides:write'),
  method: 'post',
  path: `${OVERRIDES}/bulk`,
  summary: 'The same for up to 500 spaces',
  description: 'All of them or none.',
  request: { body: body(newOverrides) },
  responses: { 201: json(overrideList, 'one override for each space'), ...makingFailures },
})

export const changeRoute = createRoute({
  ...common,
  ...guardedBy('overrides:write'),
  method: 'patch',
  path: `${OVERRIDES}/{id}`,
  summary: 'Change the reason or the end of an override in force',
  description: 'An `ends_at` of null means that it does not end by itself.',
  request: { params, headers: ifMatch, body: body(overrideChange) },
  responses: { 200: resource(overrideBody, 'the override as it is now'), ...changeFailures, ...ended },
})

export const endRoute = createRoute({
  ...common,
  ...guardedBy('overrides:write'),
  method: 'post',
  path: `${OVERRIDES}/{id}/end`,
  summary: 'End an override now',
  description: 'One that has ended already stays as it is.',
  request: { params },
  responses: { 200: resource(overrideBody, 'the override, ended'), ...readFailures },
})

export const deleteRoute = createRoute({
  ...common,
  ...guardedBy('overrides:write'),
  method: 'delete',
  path: `${OVERRIDES}/{id}`,
  summary: 'End an override now, if it is as you have read it',
  description: 'It stays readable, as ended.',
  request: { params, headers: ifMatch },
  responses: { 204: deleted, ...endingFailures },
})
