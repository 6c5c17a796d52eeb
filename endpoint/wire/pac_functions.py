"""The functions that a PAC script may call, in JavaScript.

`__given` holds what comes from outside: `now`, `zone`, `address`, `chance`, `resolved`. A name that is not resolved yet is noted in
`__wanted`. Ranges of days and hours are in local time unless their last argument is "GMT".
Source: the Proxy Auto-Configuration format, as `pac` names it.
"""

from __future__ import annotations

from typing import Final

FUNCTIONS: Final = r"""
const __wanted = {};
globalThis.Date = (function (Real) {
  class Date extends Real {
    constructor(...given) { if (given.length === 0) super(__given.now); else super(...given); }
    static now() { return __given.now; }
  }
  return Date;
})(globalThis.Date);
Math.random = (function () {
  let state = Math.floor(__given.chance * 4294967296) >>> 0;
  return function () { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 4294967296; };
})();
function alert() {}
function myIpAddress() { return __given.address; }
function dnsResolve(host) {
  host = String(host).toLowerCase();
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return host;
  if (!Object.prototype.hasOwnProperty.call(__given.resolved, host)) { __wanted[host] = true; return null; }
  return __given.resolved[host];
}
function isResolvable(host) { return dnsResolve(host) !== null; }
function isPlainHostName(host) { return String(host).indexOf(".") < 0 && String(host).indexOf(":") < 0; }
function dnsDomainIs(host, domain) {
  return String(host).toLowerCase().endsWith(String(domain).toLowerCase());
}
function localHostOrDomainIs(host, full) {
  host = String(host).toLowerCase(); full = String(full).toLowerCase();
  return host === full || (isPlainHostName(host) && full.startsWith(host + "."));
}
function dnsDomainLevels(host) { return String(host).split(".").length - 1; }
function convert_addr(address) {
  const parts = String(address).split(".");
  return ((parts[0] & 255) << 24 | (parts[1] & 255) << 16 | (parts[2] & 255) << 8 | (parts[3] & 255)) >>> 0;
}
function isInNet(host, pattern, mask) {
  const address = dnsResolve(host);
  if (address === null) return false;
  const bits = convert_addr(mask);
  return ((convert_addr(address) & bits) >>> 0) === ((convert_addr(pattern) & bits) >>> 0);
}
function shExpMatch(text, pattern) {
  text = String(text); pattern = String(pattern);
  let at = 0, p = 0, star = -1, from = 0;
  while (at < text.length) {
    if (p < pattern.length && pattern[p] === "*") { star = p++; from = at; }
    else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[at])) { at++; p++; }
    else if (star >= 0) { p = star + 1; at = ++from; }
    else return false;
  }
  while (p < pattern.length && pattern[p] === "*") p++;
  return p === pattern.length;
}
const __days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const __months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
function __clock(words) {
  const gmt = words.length > 0 && words[words.length - 1] === "GMT";
  if (gmt) words.pop();
  return new Date(__given.now + (gmt ? 0 : __given.zone * 60000));
}
function __within(now, from, to) { return from <= to ? from <= now && now <= to : now >= from || now <= to; }
function weekdayRange(...words) {
  const now = __clock(words).getUTCDay(), from = __days.indexOf(words[0]);
  const to = words.length > 1 ? __days.indexOf(words[1]) : from;
  return from >= 0 && to >= 0 && __within(now, from, to);
}
function timeRange(...words) {
  const clock = __clock(words), hour = clock.getUTCHours(), minute = clock.getUTCMinutes(), second = clock.getUTCSeconds();
  words = words.map(Number);
  if (words.length === 1) return hour === words[0];
  if (words.length === 2) return __within(hour, words[0], words[1]);
  if (words.length === 4) return __within(hour * 60 + minute, words[0] * 60 + words[1], words[2] * 60 + words[3]);
  if (words.length !== 6) return false;
  const from = (words[0] * 60 + words[1]) * 60 + words[2], to = (words[3] * 60 + words[4]) * 60 + words[5];
  return __within((hour * 60 + minute) * 60 + second, from, to);
}
function __dated(words) {
  const found = {};
  for (const word of words) {
    const month = __months.indexOf(word);
    if (month >= 0) found.month = month;
    else if (Number(word) > 31) found.year = Number(word);
    else if (Number(word) > 0) found.day = Number(word);
  }
  return found;
}
function dateRange(...words) {
  const clock = __clock(words);
  const now = { year: clock.getUTCFullYear(), month: clock.getUTCMonth(), day: clock.getUTCDate() };
  if (words.length === 0) return false;
  const half = words.length === 1 ? 1 : words.length / 2;
  const from = __dated(words.slice(0, half)), to = words.length === 1 ? from : __dated(words.slice(half));
  const number = function (one, shape) {
    let value = 0;
    if ("year" in shape) value = one.year * 512;
    if ("month" in shape) value += one.month * 32;
    if ("day" in shape) value += one.day;
    return value;
  };
  const shape = from;
  if (Object.keys(shape).length === 0 || Object.keys(shape).join() !== Object.keys(to).join()) return false;
  if ("year" in shape) return number(from, shape) <= number(now, shape) && number(now, shape) <= number(to, shape);
  return __within(number(now, shape), number(from, shape), number(to, shape));
}
"""
