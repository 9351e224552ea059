/**
 * aedes as it comes, without Baywire. With `parse` it reads the JSON of each publish before it acknowledges: the most
 * that anything behind this broker could take.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { answerOrders } from '../helper.ts'

export interface AedesOptions {
  port: number
  parse: boolean
}

const nothing = Buffer.alloc(0)

answerOrders(async ({ port, parse }: AedesOptions) => {
  const aedes = await Aedes.createBroker({
    maxClientsIdLength: 160,
    ...(parse
      ? {
          authorizePublish: (_client, packet, done) => {
            JSON.parse(packet.payload.toString())
            packet.topic = 'sink'
            packet.payload = nothing
            done(null)
          },
        }
      : {}),
  })
  const server = createServer({ noDelay: true }, aedes.handle)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return null
})
