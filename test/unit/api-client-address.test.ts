import { describe, expect, it } from 'vitest'
import { canonicalAddress, networkOf } from '../../src/api/client-address.ts'
import { readNetworks } from '../../src/networks.ts'

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:1::9', '2001:db8::1:0:0:9', '2001:db8:0:0::/64'],
    ['2001:db8::9%eth0', '2001:db8::9', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['::1', '::1', '0:0:0:0::/64'],
    ['::', '::', '0:0:0:0::/64'],
    ['fe80::', 'fe80::', 'fe80:0:0:0::/64'],
  ])('%s is %s of %s', (text, canonical, network) => {
    expect(canonicalAddress(text)).toBe(canonical)
    expect(networkOf(canonical)).toBe(network)
  })

  it.each([
    '',
    'unknown',
    '192.0.2',
    '192.0.2.256',
    '0x7f.1',
    '010.0.0.1',
    '1.2.3.4.5',
    ':::',
    '[::1]',
    '1.2.3.4, 5.6.7.8',
  ])('%j is none', (text) => {
    expect(canonicalAddress(text)).toBeUndefined()
  })
})

describe('a list of networks', () => {
  it('has what lies in its ranges', () => {
    const list = readNetworks(' 10.0.0.0/8,192.0.2.7 , 2001:db8::/32 ')
    expect(list.check('10.255.0.1')).toBe(true)
    expect(list.check('11.0.0.1')).toBe(false)
    expect(list.check('192.0.2.7')).toBe(true)
    expect(list.check('192.0.2.8')).toBe(false)
    expect(list.check('2001:db8:ffff::1', 'ipv6')).toBe(true)
    expect(readNetworks('').check('10.0.0.1')).toBe(false)
  })

  it.each([
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'proxy',
    '*',
    '10.0.0.0/1e1',
  ])('refuses %j', (text) => {
    expect(() => readNetworks(text)).toThrow(/neither an address nor a range/)
  })
})
