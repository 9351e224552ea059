import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** The network between a sender and the program, which can lose what the program answers. */
export class Cable {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #losing = false

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async to(target: number): Promise<Cable> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const cable = new Cable(server, (server.address() as AddressInfo).port)
    server.on('connection', (sender) => cable.#join(sender, connect({ host: '127.0.0.1', port: target })))
    return cable
  }

  /** From now on no answer arrives, until `cut`. */
  loseAnswers(): void {
    this.#losing = true
  }

  /** Ends all connections; those that are made anew work. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#losing = false
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #join(sender: Socket, program: Socket): void {
    for (const [socket, other] of [
      [sender, program],
      [program, sender],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    sender.pipe(program)
    program.on('data', (answer) => {
      if (!this.#losing) sender.write(answer)
    })
  }
}
