import { assert, integer, nat, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Acknowledgements } from '../../src/mqtt/acknowledgements.ts'
import { brokerAddress, brokerName, connectFailure } from '../../src/mqtt/address.ts'
import { readFrameHeader } from '../../src/mqtt/frames.ts'

describe('the fixed header', () => {
  // The bounds of MQTT 3.1.1, table 2.4.
  it.each([
    ['3000', 0],
    ['307f', 127],
    ['308001', 128],
    ['30ff7f', 16_383],
    ['30808001', 16_384],
    ['30ffff7f', 2_097_151],
    ['3080808001', 2_097_152],
    ['30ffffff7f', 268_435_455],
  ])('%s announces %i bytes', (hex, bodyBytes) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(readFrameHeader(bytes, 0)).toEqual({ type: 3, headerBytes: bytes.length, bodyBytes })
    for (let length = 0; length < bytes.length; length++) {
      expect(readFrameHeader(bytes.subarray(0, length), 0)).toBe('incomplete')
    }
  })

  it('is malformed when the length has a fifth byte', () => {
    expect(readFrameHeader(Buffer.from('30ffffffff', 'hex'), 0)).toBe('malformed')
  })

  it('is read at any offset', () => {
    const anywhere = property(nat(50), integer({ min: 0, max: 127 }), (offset, length) => {
      const bytes = Buffer.concat([Buffer.alloc(offset, 0xff), Buffer.from([0x62, length])])
      expect(readFrameHeader(bytes, offset)).toEqual({ type: 6, headerBytes: 2, bodyBytes: length })
    })
    assert(anywhere)
  })
})

describe('acknowledgements', () => {
  it('of one tick leave as one buffer', async () => {
    const written: string[] = []
    const acknowledgements = new Acknowledgements((packets) => written.push(packets.toString('hex')))
    acknowledgements.add(1)
    acknowledgements.add(65_535)
    expect(written).toEqual([])
    await Promise.resolve()
    acknowledgements.add(256)
    await Promise.resolve()
    acknowledgements.flush()
    expect(written).toEqual(['400200014002ffff', '40020100'])
  })
})

describe('the address of a broker', () => {
  it('takes user name and password out of the URL, decoded', () => {
    expect(brokerAddress('mqtt://acme%2Fgateways%2Fg1:p%40ss@[::1]:18830')).toEqual({
      protocol: 'mqtt',
      host: '::1',
      port: 18_830,
      username: 'acme/gateways/g1',
      password: 'p@ss',
    })
    expect(brokerAddress('mqtts://broker.example')).toEqual({ protocol: 'mqtts', host: 'broker.example', port: 8883 })
    expect(brokerName('mqtt://user:secret@broker.example:1884')).toBe('mqtt://broker.example:1884')
  })

  it.each([
    [Object.assign(new Error('x'), { code: 4 }), 'refused'],
    [Object.assign(new Error('x'), { code: 135 }), 'refused'],
    [Object.assign(new Error('x'), { code: 3 }), 'unreachable'],
    [Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'unreachable'],
    [undefined, 'unreachable'],
  ])('says of %s that it was %s', (error, kind) => {
    const failure = connectFailure(error)
    expect(failure.kind).toBe(kind)
    expect(failure.reason).not.toBe('')
  })
})
