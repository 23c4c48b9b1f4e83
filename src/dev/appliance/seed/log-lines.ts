/** Log lines as a Wazuh manager collects them: short, varied, every one distinct. */
import { seededRandom, type Random } from '../random.ts';

const hosts = [
  'web-01',
  'web-02',
  'db-01',
  'mail-01',
  'vpn-gw',
  'dc-01',
  'build-03',
  'files-02',
  'proxy-01',
  'siem-01',
];
const users = [
  'root',
  'admin',
  'alice',
  'bob',
  'carol',
  'deploy',
  'backup',
  'postgres',
  'oracle',
  'guest',
  'svc-web',
  'jenkins',
];
const paths = [
  '/etc/passwd',
  '/etc/shadow',
  '/etc/ssh/sshd_config',
  '/usr/bin/sudo',
  '/var/www/html/index.php',
  '/etc/crontab',
  '/boot/grub/grub.cfg',
];
const urls = [
  '/wp-login.php',
  '/admin',
  '/.env',
  '/phpmyadmin',
  '/cgi-bin/test',
  '/api/v1/users',
  '/shell.jsp',
  '/login?id=1',
];
const malware = ['Trojan.Generic', 'EICAR-Test', 'Backdoor.Bash', 'Miner.XMRig', 'Worm.Mirai', 'Rootkit.Diamorphine'];

const templates: readonly ((random: Random) => string)[] = [
  (r) => `sshd: Failed password for ${r.pick(users)} from ${address(r)}`,
  (r) => `sshd: Failed password for invalid user ${r.pick(users)}${r.below(90)} from ${address(r)}`,
  (r) => `sshd: Accepted publickey for ${r.pick(users)} from ${address(r)}`,
  (r) => `sshd: brute force attempt, ${3 + r.below(90)} failures from ${address(r)}`,
  (r) => `sudo: ${r.pick(users)} on ${r.pick(hosts)} ran a command as root, session ${r.below(9000)}`,
  (r) => `sudo: ${r.pick(users)} is not in the sudoers file on ${r.pick(hosts)}, incident ${r.below(9000)}`,
  (r) => `syscheck: ${r.pick(paths)} was modified on ${r.pick(hosts)}, change ${r.below(9000)}`,
  (r) => `syscheck: permissions of ${r.pick(paths)} changed on ${r.pick(hosts)}, change ${r.below(9000)}`,
  (r) => `rootcheck: hidden process ${300 + r.below(30_000)} found on ${r.pick(hosts)}`,
  (r) => `web: ${address(r)} requested ${r.pick(urls)} and got 404`,
  (r) => `web: SQL injection attempt on ${r.pick(urls)} from ${address(r)}`,
  (r) => `web: cross site scripting attempt from ${address(r)} blocked`,
  (r) => `firewall: dropped TCP ${address(r)} to port ${1 + r.below(65_000)}`,
  (r) => `firewall: port scan from ${address(r)}, ${10 + r.below(900)} ports`,
  (r) => `clamav: ${r.pick(malware)} found in upload ${r.below(90_000)} on ${r.pick(hosts)}`,
  (r) =>
    `kernel: disk sd${r.pick(['a', 'b', 'c'])} of ${r.pick(hosts)} reported I/O error at sector ${r.below(9_000_000)}`,
  (r) => `kernel: out of memory on ${r.pick(hosts)}, killed process ${300 + r.below(30_000)}`,
  (r) => `system: disk usage of /var on ${r.pick(hosts)} reached ${70 + r.below(30)} percent, sample ${r.below(9000)}`,
  (r) => `windows: audit log cleared by ${r.pick(users)} on ${r.pick(hosts)}, record ${r.below(90_000)}`,
  (r) => `windows: account ${r.pick(users)}${r.below(500)} was locked out on ${r.pick(hosts)}`,
  (r) => `windows: user ${r.pick(users)} added to Administrators on ${r.pick(hosts)}, event ${r.below(9000)}`,
  (r) => `vpn: ${r.pick(users)} connected from ${address(r)}`,
  (r) => `vpn: certificate of client ${r.below(9000)} expired on ${r.pick(hosts)}`,
  (r) => `mail: spam from ${address(r)} rejected`,
  (r) => `dns: query for suspicious domain x${r.below(900_000)}.example from ${r.pick(hosts)}`,
  (r) => `docker: container ${r.below(900_000)} on ${r.pick(hosts)} started with privileged mode`,
  (r) => `aws: root login without MFA from ${address(r)}`,
  (r) => `agent: wazuh agent ${r.below(2000)} on ${r.pick(hosts)} disconnected`,
];

/** `count` distinct lines; the same for the same seed. */
export function makeLogLines(count: number, seed = 1): string[] {
  const random = seededRandom(seed);
  const lines = new Set<string>();
  while (lines.size < count) lines.add(random.pick(templates)(random));
  return [...lines];
}

function address(random: Random): string {
  return `203.0.${random.below(114)}.${1 + random.below(254)}`;
}
