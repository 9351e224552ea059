import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerOrders } from '../helper.ts'
import { monotonicMs } from './monotonic.ts'

/** As bare as a fan-out of events can be: a server that writes one buffer to all who are connected. */
export type FanOutOrder = { order: 'listen' } | { order: 'write'; text: string }

const responses: ServerResponse[] = []
const server = createServer((_, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.write('retry: 1000\n\n')
  responses.push(response)
})

answerOrders(async (order: FanOutOrder): Promise<unknown> => {
  if (order.order === 'listen') {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }
  const at = monotonicMs()
  const bytes = Buffer.from(order.text)
  for (const response of responses) response.write(bytes)
  return at
})
