import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

/** A service of compose.yaml, as far as tests look at it; a key that is missing here is not looked at. */
const serviceShape = z.object({
  image: z.string(),
  user: z.string().optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()).default([]),
  network_mode: z.string().optional(),
  pid: z.string().optional(),
  ports: z.array(z.string()).default([]),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  restart: z.string().optional(),
  stop_grace_period: z.string().optional(),
  logging: z.object({ options: z.record(z.string(), z.string()) }).optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  deploy: z.object({ resources: z.object({ limits: z.object({ cpus: z.string(), memory: z.string() }) }) }).optional(),
})
export type Service = z.output<typeof serviceShape>

const fileShape = z.object({
  services: z.record(z.string(), serviceShape),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  volumes: z.record(z.string(), z.null()),
})

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

export function readCompose(): z.output<typeof fileShape> {
  return fileShape.parse(parse(readFileSync(`${projectRoot}compose.yaml`, 'utf8'), { merge: true }))
}

/** Those that run our own image. */
export function isOurs({ image }: Service): boolean {
  return image.startsWith('baywire:')
}
