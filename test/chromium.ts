import { chromium, type Browser } from 'playwright-core'

/**
 * Debian's Chromium without a screen; the caller closes it. It looks for nothing off the machine.
 * WebRTC on one machine needs real addresses in place of mDNS names, and connections to oneself.
 */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      '--allow-loopback-in-peer-connection',
    ],
  })
}
