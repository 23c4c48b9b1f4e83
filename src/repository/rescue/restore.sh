#!/bin/sh
# lifeboat-restore 7
# Restores files from this Lifeboat repository without Lifeboat. Needs a POSIX shell and utilities, jq, zstd, openssl 3.
#
#   sh restore.sh [-k KEYFILE | -p PASSPHRASEFILE] [-r REPOSITORY] list
#   sh restore.sh [...] show TIMESTAMP
#   sh restore.sh [...] [-w] restore TIMESTAMP COMPONENT|all FOLDER
#
# KEYFILE holds the recovery kit or the key alone; LIFEBOAT_KEY or LIFEBOAT_PASSPHRASE work too. Every manifest, index,
# block, file and piece of WAL is verified; a file that does not verify is not left in place, and the exit code is 1.
# Databases of incremental points come with their archived WAL; with -w those of any point with all WAL that follows.
# Extended attributes and ACLs need setfattr (package attr); without it the script says how many are missing.
# Keys are passed to openssl as arguments: use a machine on which you trust the other users.
set -eu
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH

case $0 in */*) repository=${0%/*}/ ;; *) repository=. ;; esac
key_file=
passphrase_file=
all_wal=false
work=
stage=
nl='
'
# Those of U+0080 to U+009F as UTF-8.
wide_controls=$(printf '\302[\200-\237]')
digits16='????????????????'
digits64=$digits16$digits16$digits16$digits16

die() {
  say "restore.sh: $1"
  exit 1
}

# For people. Texts of documents and names of files may hold control characters, which a terminal obeys: they are left out.
say() {
  case $1 in
  *[!\ -~]*) printf '%s\n' "$1" | tr -d '\000-\011\013-\037\177' | sed "s/$wide_controls//g" >&2 ;;
  *) printf '%s\n' "$1" >&2 ;;
  esac
}

# What one component cannot have; the others are restored all the same.
fail() {
  say "$component: $1"
  failed=1
}

usage() {
  sed -n '5,7s/^#   //p' "$0" >&2
  exit "${1:-2}"
}

# A program whose words on standard error name what the repository names.
quietly() {
  "$@" 2>"$work/words" || {
    say "$(tr '\n' ' ' <"$work/words")"
    return 1
  }
}

# ---- bytes ----

# Hex digits of standard input.
to_hex() {
  od -An -v -tx1 | tr -d ' \n'
}

# Bytes of the hex digits in $1.
from_hex() {
  rest=$1 octal=
  while [ -n "$rest" ]; do
    tail_=${rest#??}
    byte=$((0x${rest%"$tail_"}))
    octal=$octal\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))
    rest=$tail_
  done
  # shellcheck disable=SC2059
  printf "$octal"
}

# $2 bytes of file $3 from offset $1. One process where dd counts bytes, as that of GNU and BusyBox does.
bytes_at() {
  if [ "$has_dd" = true ]; then
    dd if="$3" bs=1048576 iflag=fullblock,skip_bytes,count_bytes skip="$1" count="$2" 2>/dev/null
  else
    tail -c "+$(($1 + 1))" "$3" | head -c "$2"
  fi
}

# Lines of file $2 that file $1 does not have.
lines_beyond() {
  awk 'FILENAME == ARGV[1] { known[$0]; next } !($0 in known)' "$1" "$2"
}

size_of() {
  echo "$(($(wc -c <"$1")))"
}

sha256_of_input() {
  sum=$(openssl dgst -sha256 -r)
  echo "${sum%% *}"
}

# HMAC-SHA-256 of standard input under the hex key $1.
hmac_of_input() {
  sum=$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -r)
  echo "${sum%% *}"
}

# Id of what a frame holds, but of a bundle: its SHA-256, keyed where the repository is encrypted.
id_of_input() {
  if [ "$encryption" = none ]; then sha256_of_input; else openssl dgst -sha256 -binary | hmac_of_input "$id_key"; fi
}

# HMAC-SHA-256 of many files under the key $1, plain SHA-256 where the repository is not encrypted, one a line.
codes_of() {
  code_key=$1
  shift
  if [ "$encryption" = none ]; then
    openssl dgst -sha256 -r "$@" | cut -c1-64
  elif [ "$has_many" = true ]; then
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$code_key" -r "$@" | cut -c1-64
  else
    for each; do hmac_of_input "$code_key" <"$each"; done
  fi
}

# Ciphertext on standard input, hex key $1, hex nonce $2. AES-256-GCM is counter mode that starts at 2; what comes out is
# compared with its keyed id, or with the SHA-256 that an index names, which is the stronger check.
decrypt() {
  openssl enc -d -aes-256-ctr -nopad -K "$1" -iv "${2}00000002"
}

# ---- keys ----

# The 64 hex digits of the key in the text $1; check digits are compared.
read_key() {
  digits=$(printf '%s\n' "$1" | sed -n '/--- key begins ---/,/--- key ends ---/{/---/!p;}')
  digits=$(printf '%s' "${digits:-$1}" | tr -d ' \t\r\n:-' | tr 'OolIABCDEF' '0011abcdef')
  case $digits in *[!0-9a-f]*) die 'the key holds characters that no key has' ;; esac
  case ${#digits} in
  64) printf '%s' "$digits" ;;
  80)
    line=0 given=$digits
    while [ -n "$given" ]; do
      part=${given%"${given#$digits16}"}
      { printf 'lifeboat-key-line-%s\n' "$line"; from_hex "$part"; } >"$work/line.$line"
      given=${given#????$digits16}
      line=$((line + 1))
    done
    openssl dgst -sha256 -r "$work"/line.? >"$work/sums"
    rm -f "$work"/line.?
    line=0
    while read -r sum file; do
      line=$((line + 1))
      part=${digits%"${digits#$digits16}"}
      digits=${digits#$digits16}
      case $sum in "${digits%"${digits#????}"}"*) ;; *) die "the key has a typing error in line $line" ;; esac
      digits=${digits#????}
      printf '%s' "$part"
    done <"$work/sums"
    ;;
  *) die "the key has ${#digits} digits, 80 belong there" ;;
  esac
}

# Normal form NFKC of standard input, by the first program that is there and can.
normalized() {
  cat >"$work/phrase"
  if python3 -c 'import sys, unicodedata
sys.stdout.buffer.write(unicodedata.normalize("NFKC", sys.stdin.buffer.read().decode()).encode())' \
    <"$work/phrase" 2>/dev/null; then return; fi
  if perl -MUnicode::Normalize -e 'binmode STDIN, ":utf8"; binmode STDOUT, ":utf8"; local $/; print NFKC(<STDIN>)' \
    <"$work/phrase" 2>/dev/null; then return; fi
  uconv -f utf-8 -t utf-8 -x any-nfkc <"$work/phrase" 2>/dev/null
}

# Sets pass_hex: hex digits of the passphrase $1 as it goes into scrypt. $2: what is said where that is not known.
read_passphrase() {
  pass_note=
  pass_hex=$(printf '%s' "$1" | to_hex)
  case $1 in
  *[!\ -~]*)
    if in_form=$(printf '%s' "$1" | normalized | to_hex) && [ -n "$in_form" ]; then pass_hex=$in_form; else
      pass_note='; it has characters beyond ASCII, and these must be in the normal form NFKC of Unicode'
      pass_note="$pass_note: install python3, perl or uconv, and this script sees to it"
    fi
    ;;
  esac
  rm -f "$work/phrase"
}

# Without the white space at its end, as Lifeboat reads it.
passphrase_in_file() {
  phrase=$(cat "$1")
  while :; do
    case $phrase in
    *[\ "$(printf '\t\r')$nl"]) phrase=${phrase%?} ;;
    *) break ;;
    esac
  done
  printf '%s' "$phrase"
}

scrypt_of() {
  openssl kdf -keylen 32 -kdfopt "hexpass:$1" -kdfopt "hexsalt:$2" -kdfopt "n:$3" -kdfopt "r:$4" -kdfopt "p:$5" \
    -kdfopt maxmem_bytes:1200000000 SCRYPT 2>/dev/null | tr -d ':\n' | tr 'A-F' 'a-f'
}

# Sets kind (key or passphrase; empty where nothing was given) and what is needed to try it.
read_given() {
  kind=
  opening=
  if [ -n "$passphrase_file" ]; then
    kind=passphrase
    read_passphrase "$(passphrase_in_file "$passphrase_file")"
  elif [ -n "$key_file" ]; then
    kind=key
    opening=$(read_key "$(cat "$key_file")")
  elif [ -n "${LIFEBOAT_KEY:-}" ]; then
    kind=key
    opening=$(read_key "$LIFEBOAT_KEY")
  elif [ -n "${LIFEBOAT_PASSPHRASE:-}" ]; then
    kind=passphrase
    read_passphrase "$LIFEBOAT_PASSPHRASE"
  fi
}

# Names of what looks like a key record; another file in keys/ is none.
key_records() {
  for record in "$repository"/keys/????????????????.json; do
    name=${record##*/}
    name=${name%.json}
    case $name in *[!0-9a-f]*) continue ;; esac
    [ ! -f "$record" ] || printf '%s\n' "$name"
  done
}

# Sets data_key, id_key, mac_key from the first record in $work/records that opens. One that is damaged or hostile hides no
# other.
open_keys() {
  [ -n "$kind" ] || die 'this repository is encrypted: give -k KEYFILE or -p PASSPHRASEFILE'
  tried=0
  while read -r name of nonce wrapped salt n r p <&3; do
    [ "$of" = "$kind" ] || continue
    tried=$((tried + 1))
    if [ "$kind" = passphrase ]; then opening=$(scrypt_of "$pass_hex" "$salt" "$n" "$r" "$p"); fi
    [ "${#opening}" = 64 ] || continue
    wrapping=$(printf 'lifeboat-wrap-1\n%s' "$name" | hmac_of_input "$opening")
    nonce=$(printf '%s' "$nonce" | openssl base64 -d -A | to_hex)
    secrets=$(printf '%s' "$wrapped" | openssl base64 -d -A | head -c 96 | decrypt "$wrapping" "$nonce" | to_hex)
    mac_key=${secrets#$digits64$digits64}
    data_key=${secrets%"${secrets#$digits64}"}
    id_key=${secrets#$digits64}
    id_key=${id_key%"$mac_key"}
    # A wrong key gives noise, and noise does not authenticate the record.
    if is_authentic "keys/$name.json"; then return; fi
  done 3<"$work/records"
  [ "$tried" != 0 ] || die "there is no record of a $kind for this repository in keys/"
  [ "$kind" != passphrase ] || die "the passphrase does not open this repository$pass_note"
  die 'the key does not open this repository'
}

# ---- documents ----

# The start of every program of jq. What comes out of one is read by a shell: each value has been compared with its grammar,
# numbers are written anew (1e3 is no number for a shell), texts for people are `plain`.
jq_common='
def of($wanted): type == $wanted;
def text: type == "string";
def count: type == "number" and . >= 0 and . == floor and . <= 9007199254740991;
def may_have($name; condition): (has($name) | not) or (.[$name] | condition);
def hex($digits): text and test("\\A[0-9a-f]{\($digits)}\\z");
# Without control characters: a terminal obeys them.
def plain: explode | map(select(. > 31 and (. < 127 or . > 159))) | implode;
# Of lines as lines_of writes them: what is no JSON object is left out, in an open repository anybody can write one.
def documents: inputs | index("\t") as $at
  | {key: .[:$at], value: (.[$at + 1:] | try fromjson catch null)} | select(.value | of("object"));
'

# Half of a surrogate pair stands for U+FFFD, as it does for Lifeboat: jq 1.6 would refuse the whole document. Prints a line
# of JSON without such halves, in pieces: a line may be long.
awk_pairs='
function print_pairs(line,   parts, part, at) {
  if (!index(line, "\\ud") && !index(line, "\\uD")) { printf "%s", line; return }
  parts = split(line, part, /\\/)
  printf "%s", part[1]
  for (at = 2; at <= parts; at++) {
    # A backslash that is escaped itself.
    if (part[at] == "" && at < parts) printf "%s", "\\\\" part[++at]
    else if (part[at] ~ /^u[dD][89abAB][0-9a-fA-F][0-9a-fA-F]$/ && part[at + 1] ~ /^u[dD][c-fC-F][0-9a-fA-F][0-9a-fA-F]/) {
      printf "%s", "\\" part[at] "\\" part[at + 1]
      at++
    } else if (part[at] ~ /^u[dD][89a-fA-F][0-9a-fA-F][0-9a-fA-F]/) printf "%s", "\\ufffd" substr(part[at], 6)
    else printf "%s", "\\" part[at]
  }
}
'

# The JSON of file $1 with whole pairs.
whole_text() {
  awk "$awk_pairs"'{ print_pairs($0); print "" }' "$1"
}

# Of the documents whose keys are on standard input: a line of the key, a tab and the JSON.
awk_lines='{
  file = ENVIRON["repository"] "/" $0
  printf "%s\t", $0
  while ((getline line < file) > 0) { print_pairs(line); printf " " }
  close(file)
  print ""
}'

lines_of() {
  awk "$awk_pairs$awk_lines"
}

# Reads lines of `wc -c`. Writes what the code of each document covers to $work/many/<number>: its key, a line feed, and every
# byte before the last 80. Prints the code that stands in these, or `-`, and the key.
awk_covered='$2 != "total" {
  file = ENVIRON["repository"] "/" $2
  out = ENVIRON["work"] "/many/" NR
  key = $2
  # Of a manifest it holds the bytes, whose code covers the own key of the manifest.
  sub(/^tombstones\//, "", key)
  printf "%s\n", key > out
  bytes = lines = 0
  while ((getline line < file) > 0) {
    bytes += length(line) + 1
    if (++lines > 3) printf "%s\n", third > out
    third = second; second = first; first = line
  }
  close(file)
  code = substr(second, 11, 64)
  if (bytes != $1 || first != "}" || second != "  \"mac\": \"" code "\"" || code ~ /[^0-9a-f]/ || length(code) != 64 || third !~ /,$/)
    code = "-"
  else printf "%s", substr(third, 1, length(third) - 1) > out
  close(out)
  print code, $2
}'

# Whether the document with the key $1 is authentic.
is_authentic() {
  [ -n "$(authentic_among "$1")" ]
}

# The same of many: of the keys on standard input those that are authentic, in their order.
authentic_of() {
  set --
  while read -r key; do
    set -- "$@" "$key"
    if [ $# -ge 100 ]; then
      authentic_among "$@"
      set --
    fi
  done
  [ $# = 0 ] || authentic_among "$@"
}

authentic_among() {
  (cd "$repository" && wc -c "$@" 2>/dev/null) | awk "$awk_covered" >"$work/claimed"
  number=0
  set --
  while read -r code key; do
    number=$((number + 1))
    set -- "$@" "$work/many/$number"
  done <"$work/claimed"
  [ $# != 0 ] || return 0
  codes_of "$mac_key" "$@" >"$work/codes" || die 'openssl cannot read what lies in the temporary folder'
  while read -r code key && read -r real <&8; do
    [ "$code" != "$real" ] || printf '%s\n' "$key"
  done <"$work/claimed" 8<"$work/codes"
}

# A line of what repository.json says, and lines of key records: name, kind, nonce, wrapped, and n, r, p and salt of scrypt.
# Nothing for what is none. scrypt takes 128 · n · r · p bytes: a hostile record must not make us allocate without end.
jq_opening='
def base64($digits; $tail): text and test("\\A[A-Za-z0-9+/]{\($digits)}\($tail)\\z");
def identity:
  if .format | of("number") | not then empty
  elif .format > 1 then "newer"
  elif .format == 1 and (.id | hex(32)) and (.encryption == "none" or .encryption == "aes-256-gcm")
    then "\(.encryption) \(.id)"
  else empty end;
def record:
  select(.format == 1 and (.kind == "key" or .kind == "passphrase") and (.nonce | base64(16; "")) and (.wrapped | base64(150; "==")))
  | if .kind == "key" then . + {scrypt: {salt: "-", n: 0, r: 0, p: 0}} else
      select(.scrypt | of("object") and (.salt | text and test("\\A([0-9a-f][0-9a-f])+\\z"))
        and ([.n, .r, .p] | all(count and . > 0)) and 128 * .n * .r * .p <= 1073741824)
    end
  | "\(.kind) \(.nonce) \(.wrapped) \(.scrypt | "\(.salt) \(.n + 0) \(.r + 0) \(.p + 0)")";
[documents] | (.[0] | select(.key == "repository.json") | .value) as $repository
| ($repository | identity),
  (.[1:][] | select(.value.repository == $repository.id) | .key[5:21] as $name | .value | record | "\($name) \(.)")'

open_repository() {
  [ -f "$repository/repository.json" ] || die "there is no repository.json in $repository"
  key_records >"$work/names"
  { echo repository.json; sed 's|.*|keys/&.json|' "$work/names"; } | lines_of |
    jq -n -R -r "$jq_common $jq_opening" >"$work/opening" 2>/dev/null || :
  { read -r encryption repository_id && cat >"$work/records"; } <"$work/opening" || encryption=
  case $encryption in
  newer) die 'this repository has a newer format; look for a newer restore.sh' ;;
  '') die 'repository.json is damaged: take the one of a copy of this repository' ;;
  esac
  data_key= id_key= mac_key=
  read_given
  if [ "$encryption" != none ]; then open_keys; else
    # Whoever can write the storage could put an open repository in the place of a sealed one.
    [ -z "$kind" ] ||
      die "a $kind was given, but repository.json says that this repository is not encrypted: it is another one, or somebody exchanged it"
    [ ! -s "$work/names" ] ||
      die 'repository.json says that this repository is not encrypted, but keys/ holds records of keys: somebody
exchanged it. Take the file of a copy; if you know that the repository never was encrypted, move keys/ away'
  fi
  is_authentic repository.json || die 'repository.json does not authenticate'
}

# ---- frames ----

# Sets frame_key for the salt $1. Each thread of a writer draws a salt of its own.
frame_key_of() {
  eval "frame_key=\${frame_key_$1:-}"
  [ -z "$frame_key" ] || return 0
  frame_key=$({ printf 'lifeboat-frame-1\n'; from_hex "$1"; } | hmac_of_input "$data_key")
  eval "frame_key_$1=\$frame_key"
}

zeros=0000000000000000000000000000000000000000000000000000000000000000

# Reads the header at offset $2 of file $1 into frame_kind, frame_flags, frame_nonce, frame_id, frame_key, plain_bytes,
# payload_bytes and frame_bytes. Returns 1 if it is none that this repository may have.
read_header() {
  # shellcheck disable=SC2046
  set -- $(od -An -v -tx1 -j "$2" -N 76 "$1" 2>/dev/null)
  [ $# = 76 ] && [ "$1$2$3$4$7$8" = 4c4246310000 ] || return 1
  frame_kind=$5 frame_flags=$6
  plain_bytes=$((0x$9${10}${11}${12})) payload_bytes=$((0x${13}${14}${15}${16}))
  shift 16
  salt=$1$2$3$4$5$6$7$8$9${10}${11}${12}${13}${14}${15}${16}
  shift 16
  frame_nonce=$1$2$3$4$5$6$7$8$9${10}${11}${12}
  shift 12
  frame_id=$1$2$3$4$5$6$7$8$9${10}${11}${12}${13}${14}${15}${16}
  shift 16
  frame_id=$frame_id$1$2$3$4$5$6$7$8$9${10}${11}${12}${13}${14}${15}${16}
  # The largest segment of PostgreSQL and the line before it.
  [ "$payload_bytes" -le "$plain_bytes" ] && [ "$plain_bytes" -le 1073807360 ] || return 1
  frame_bytes=$((76 + payload_bytes))
  case $frame_flags in
  00 | 02) [ "$encryption" = none ] && [ "$salt$frame_nonce" = "${zeros%????????}" ] ;;
  01 | 03)
    [ "$encryption" != none ] || return 1
    frame_bytes=$((frame_bytes + 16))
    frame_key_of "$salt"
    ;;
  *) return 1 ;;
  esac
}

# The payload of the frame at offset $2 of file $1, after read_header: decrypted, still compressed.
payload_of() {
  case $frame_flags in
  01 | 03) bytes_at "$(($2 + 76))" "$payload_bytes" "$1" | decrypt "$frame_key" "$frame_nonce" ;;
  *) bytes_at "$(($2 + 76))" "$payload_bytes" "$1" ;;
  esac
}

# The plaintext of the frame at offset $2 of file $1, after read_header: no more than one byte beyond what the header says,
# for what comes out is not yet known to be ours.
plain_of() {
  case $frame_flags in
  02 | 03) payload_of "$1" "$2" | zstd -q -d -c 2>/dev/null | head -c "$((plain_bytes + 1))" ;;
  *) payload_of "$1" "$2" ;;
  esac
}

# Writes the plaintext of the frame of kind $3 (two hex digits) at offset $2 of file $1 to file $4. Returns 1 if anything
# about it is not what was written.
open_frame() {
  read_header "$1" "$2" && [ "$frame_kind" = "$3" ] || return 1
  plain_of "$1" "$2" >"$4"
  [ "$(size_of "$4")" = "$plain_bytes" ] && [ "$(id_of_input <"$4")" = "$frame_id" ]
}

# Sets pack_file to the pack with the number $1 of the index that is restored.
pack_of() {
  eval "pack=\$pack_$1"
  pack_file=$repository/packs/${pack%"${pack#??}"}/$pack
}

# Sets pack_file and reads the header of the frame of a block: number of the pack, offset and length of the frame, SHA-256 and
# length of the block, and where it begins in the plaintext of a frame that it shares, else 0. Returns 1 where no such frame
# lies there.
read_block_header() {
  pack_of "$1"
  [ -f "$pack_file" ] && read_header "$pack_file" "$2" && [ "$frame_bytes" = "$3" ] || return 1
  if [ "$6" = 0 ]; then [ "$frame_kind $plain_bytes" = "01 $5" ]; else
    [ "$frame_kind" = 06 ] && [ "$plain_bytes" -le 4194304 ]
  fi
}

# Sets manifest to file $1, or to one with its sealed details in their places. Where they cannot be opened it returns 1.
open_details() {
  manifest=$1
  grep -q '"sealed":' "$1" || return 0
  sealed=$(jq -r '.lifeboat | .sealed? // empty | strings' "$1" 2>/dev/null) || return 0
  [ -n "$sealed" ] || return 0
  printf '%s' "$sealed" | openssl base64 -d -A >"$work/details.frame" 2>/dev/null || :
  open_frame "$work/details.frame" 0 04 "$work/details" &&
    whole_text "$work/details" >"$work/details.whole" &&
    jq --slurpfile details "$work/details.whole" '.lifeboat |= (del(.sealed) + $details[0])' "$1" >"$work/manifest" 2>/dev/null ||
    return 1
  manifest=$work/manifest
}

# ---- recovery points ----

# What is wrong with a manifest that authenticates: the name of a member; nothing where it is sound.
jq_manifest_fault='
def last_day($year; $month): if $month != 2 then [31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][$month - 1]
  elif $year % 4 == 0 and ($year % 100 != 0 or $year % 400 == 0) then 29 else 28 end;
def time: text and test("\\A[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?Z\\z")
  and (.[8:10] < "29" or (.[8:10] | tonumber) <= last_day(.[0:4] | tonumber; .[5:7] | tonumber));
def point_id: text and test("\\A[0-9]{8}_[0-9]{6}\\z")
  and ("\(.[0:4])-\(.[4:6])-\(.[6:8])T\(.[9:11]):\(.[11:13]):\(.[13:15])Z" | time);
def seconds: of("number") and . >= 0 and . <= 9007199254740991;
def json($levels): if of("number") then isnan or isinfinite | not
  elif of("array") or of("object") then $levels > 0 and all(.[]; json($levels - 1)) else true end;
def members: of("object") and all(.[]; json(100));
# Below 2^62: shells count with 64 bits and a sign.
def lsn: text and test("\\A([0-9A-F]{1,7}|[0-3][0-9A-F]{7})/[0-9A-F]{1,8}\\z");
def timeline: count and . > 0 and . <= 4294967295;
def chain: of("object") and (.base | point_id) and (.timeline | timeline) and (.endLsn | lsn)
  and (.walBytes | count) and (.forecastSeconds | seconds);
# By these archived WAL is found, read and replayed.
def database: may_have("systemIdentifier"; text and test("\\A[0-9]{1,20}\\z")) and may_have("timeline"; timeline)
  and may_have("timelineTaken"; of("boolean")) and may_have("startLsn"; lsn) and may_have("stopLsn"; lsn)
  and may_have("walSegmentBytes"; . as $bytes | any(range(20; 31); pow(2; .) == $bytes));
def says_its_end: [.systemIdentifier, .timeline, .stopLsn, .walSegmentBytes] | all(. != null);
# Its id becomes the name of a folder.
def component: of("object") and (.id | text and test("\\A[A-Za-z0-9_][A-Za-z0-9._-]{0,199}\\z"))
  and (.kind as $kind | ["postgres", "redis", "vectorstore", "models", "files"] | index([$kind])) != null
  and (.host | text) and (.indexId | hex(32)) and ([.files, .bytes, .storedBytes] | all(count))
  and ([.capturedFrom, .capturedUntil] | all(time))
  and (.quiescence as $how | ["quiesced", "stable-window", "snapshot", "unproven"] | index([$how])) != null
  and (.suspect | of("boolean")) and (.facts | members)
  and (.kind != "postgres" or (.facts | database))
  and may_have("chain"; chain) and ((has("chain") | not) or (.kind == "postgres" and (.facts | says_its_end)));
def file: of("object") and (.filename | text) and (.size | count) and (.checksum | hex(64))
  and (.path | text and test("\\A[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\\z"));
def failure: of("object") and ([.component, .code, .message] | all(text));
def refutation: of("object") and (.timestamp | point_id) and (.state | text) and (.number | count)
  and ([.levels, .components] | all(of("array") and all(text)))
  and may_have("at"; text) and may_have("unreadableManifest"; of("boolean"));
def fault($name; condition): if (try condition catch false) then empty else $name end;
def faults($timestamp):
  fault("newer"; (.lifeboat | objects | .format | numbers | . > 1) // false | not),
  fault("timestamp"; .timestamp == $timestamp),
  fault("lifeboat"; .lifeboat | of("object")),
  fault("lifeboat.format"; .lifeboat.format == 1),
  fault("lifeboat.repositoryId"; .lifeboat.repositoryId == $repository),
  fault("datetime"; .datetime | time),
  fault("success"; .success | of("boolean")),
  fault("total_size"; .total_size | count),
  fault("configuration"; .configuration | members),
  fault("backup_files"; .backup_files | of("array") and all(file)),
  (["appliance", "tool"][] as $name | fault("lifeboat." + $name; .lifeboat[$name] | text)),
  (["startedAt", "sealedAt"][] as $name | fault("lifeboat." + $name; .lifeboat[$name] | time)),
  fault("lifeboat.type"; .lifeboat.type as $type
    | ["full", "incremental", "critical", "configuration", "monitoring"] | index([$type]) != null),
  fault("lifeboat.skewSeconds"; .lifeboat.skewSeconds | seconds),
  fault("lifeboat.components"; .lifeboat.components | of("array") and all(component)),
  fault("lifeboat.components, of which two have one id"; .lifeboat.components | map(.id) | length == (unique | length)),
  fault("lifeboat.failures"; .lifeboat.failures | of("array") and all(failure)),
  fault("lifeboat.workflow"; .lifeboat | has("workflow")
    and (.workflow | . == null or (of("object") and ([.id, .runId] | all(text))))),
  fault("lifeboat.sequence"; .lifeboat | may_have("sequence"; count and . > 0)),
  fault("lifeboat.previous"; .lifeboat | has("previous")
    and (.previous | . == null or (of("object") and (.timestamp | point_id) and (.digest | hex(64))))),
  fault("lifeboat.missing"; .lifeboat | may_have("missing"; of("array") and all(point_id))),
  fault("lifeboat.refuted"; .lifeboat | may_have("refuted"; of("array") and all(refutation)));
def first_fault($timestamp): [faults($timestamp)][0] // "";
'

# Sets manifest_key of the timestamp $1. Returns 1 where it is none, or no date that there is.
manifest_key_of() {
  case $1 in
  [0-9][0-9][0-9][0-9][01][0-9][0-3][0-9]_[01][0-9][0-5][0-9][0-5][0-9]) ;;
  [0-9][0-9][0-9][0-9][01][0-9][0-3][0-9]_2[0-3][0-5][0-9][0-5][0-9]) ;;
  *) return 1 ;;
  esac
  year=${1%???????????}
  month=${1#????}
  month=${month%?????????}
  day=${1#??????}
  day=${day%???????}
  case $month$day$year in
  00* | 1[3-9]* | ??00* | ??3[2-9]* | 023* | 0[469]31* | 1131*) return 1 ;;
  0229??[02468][!048] | 0229??[13579][!26] | 0229[02468][!048]00 | 0229[13579][!26]00) return 1 ;;
  esac
  manifest_key=manifests/$year/$month/$day/backup_manifest_$1.json
}

# Of a manifest: `fault` and what is wrong; or `component` and the words that restore_component and restore_wal take, and
# `note`, a component, and what people should know of it.
jq_manifest='
def words: map(tostring) | join(" ");
def notes:
  (select(.suspect) | "suspect: it was damaged already when it was captured"),
  (.facts.leftOut | select(of("object")) | "left out when it was captured: " + (to_entries | map("\(.value) \(.key)") | join(", "))),
  (select(.chain) | "this point is its base \(.chain.base) with the archived WAL up to \(.chain.endLsn)"
    + " on timeline \(.chain.timeline + 0); restore brings both");
first_fault($timestamp) as $fault
| if $fault != "" then "fault \($fault)" else
    .backup_files as $files | .lifeboat.components[] | . as {$facts, $chain} | "indexes/\(.indexId)" as $path
    | ["component", .id, .kind, .indexId, (first($files[] | select(.path == $path) | .checksum) // "-"), .bytes + 0, $chain != null,
        (if .kind == "postgres" and ($facts | says_its_end) then $facts.systemIdentifier, $facts.timeline + 0, $facts.stopLsn,
          $facts.walSegmentBytes + 0, ($facts.timelineTaken // false), ($chain.timeline // $facts.timeline) + 0, ($chain.endLsn // "-")
        else empty end)] | words
  end,
  (select($fault == "") | .lifeboat.components[] | .id as $id | notes | "note \($id) \(plain)")'

# Sets manifest, a file with the authentic manifest of timestamp $1, its details in their places, and writes $work/told: what
# jq_manifest says of it.
open_manifest() {
  manifest_key_of "$1" || die "$1 is not a timestamp like 20261122_020000"
  [ -f "$repository/$manifest_key" ] || die "there is no recovery point $1"
  is_authentic "$manifest_key" || die "$manifest_key does not authenticate: it is damaged or forged"
  opened=true
  whole_text "$repository/$manifest_key" >"$work/whole"
  open_details "$work/whole" 2>/dev/null || opened=false
  jq -r --arg timestamp "$1" --arg repository "$repository_id" "$jq_common $jq_manifest_fault $jq_manifest" "$manifest" \
    >"$work/told" 2>/dev/null || echo 'fault it is no JSON' >"$work/told"
  read -r what fault <"$work/told" || :
  case $what:$fault in
  fault:newer) die "$manifest_key has a newer format; look for a newer restore.sh" ;;
  fault:*) die "$manifest_key is malformed or belongs elsewhere: $fault" ;;
  esac
  [ "$opened" = true ] || die "$manifest_key has a sealed part that cannot be opened"
}

# Keys of all manifests, oldest first. What has another name is none.
manifest_keys() {
  find "$repository/manifests" -name 'backup_manifest_*.json' 2>/dev/null | sed 's|.*/backup_manifest_||; s|\.json$||' |
    sort -u | while read -r timestamp; do
    if manifest_key_of "$timestamp" && [ -f "$repository/$manifest_key" ]; then printf '%s\n' "$manifest_key"; fi
  done
}

# Keys of the proofs of timestamp $1. A file with another name is none.
proof_keys() {
  for proof in "$repository/proofs/$1"/????*.json; do
    number=${proof##*/}
    number=${number%.json}
    case $number in *[!0-9]* | ??????????*) continue ;; esac
    [ ! -f "$proof" ] || printf 'proofs/%s/%s.json\n' "$1" "$number"
  done
}

# From proofs and refutations (what spoke against a point and is gone or damaged counts on): of each point the state of a
# failure that no newer proof has lifted, else of the newest one. Where only reports and later manifests tell of a failure
# it is "doubtful": in a copy they tell of the repository.
jq_states='
def texts: if type == "array" then map(strings) else [strings] end;
def is_bad: . == "failed" or . == "quarantined";
def refuted: .state == "failed" or .state == "quarantined";
def lifts($failure):
  (.levels + (if .levels | index("L1") then ["L1-presence"] else [] end)
    + (if .state != null then ["L3"] else [] end)) as $deep
  | ($failure.levels - $deep | length == 0)
    and (($failure.levels | index("L4") | not) or ($failure.components - .components | length == 0));
def verdict: {levels: ((.levels | arrays) // .level | texts), components: (.components | texts), state: (.state | strings // null)};
def state:
  sort_by(-.number) | map(.proof | verdict) as $all
  | [range($all | length) as $at | $all[$at] | select(refuted)
      | select(. as $failure | [$all[:$at][] | select(refuted | not) | select(lifts($failure))] | length == 0) | .state][0]
    // [$all[] | select(.state != null and (refuted | not)) | .state][0];
def noted: objects | {number: (.number | numbers), proof: .};
def with($more): map(.name) as $names | . + ($more | map(select(.name as $name | $names | index([$name]) | not)));
# What a document tells of the states of points.
def told: (.key | split("/")) as $key
  | if $key[0] == "proofs" then {timestamp: $key[1], number: ($key[2][:-5] | tonumber), proof: .value, from: "proof"}
    elif $key[0] == "refutations" then {timestamp: $key[1][:-5], from: "refutation"} + (.value.proofs[]? | noted)
    elif $key[0] == "reports" then {timestamp: $key[2][:-5], from: "elsewhere"} + (.value.proofs[]? | noted)
    else .value.lifeboat | .refuted? | arrays[] | {timestamp: .timestamp?, from: "elsewhere"} + noted end
  | select(.timestamp | text) | . + {name: "\(.number) \(.proof.at? | strings // "")"};
# Of what is told of one point.
def state_of:
  . as $group
  | (map(select(.from == "proof")) | with($group | map(select(.from == "refutation")))) as $here
  | ($here | state) as $state
  | if ($state | is_bad | not) and ($here | with($group | map(select(.from == "elsewhere"))) | state | is_bad)
    then "doubtful" else $state end;
'

# Lines of the authentic proofs of the timestamps on standard input, and of the authentic manifests, whose keys are in
# $work/authentic.
lines_of_states() {
  while read -r timestamp; do
    proof_keys "$timestamp"
    for key in "refutations/$timestamp.json" "reports/refuted/$timestamp.json"; do
      if [ -f "$repository/$key" ]; then printf '%s\n' "$key"; fi
    done
  done >"$work/proofs"
  authentic_of <"$work/proofs" >"$work/proofs.good"
  lines_beyond "$work/proofs.good" "$work/proofs" | sed 's/^/warning: passed over, for it does not authenticate: /' >&2
  cat "$work/proofs.good" "$work/authentic" | lines_of
}

# The state of one timestamp.
state_of() {
  manifest_keys >"$work/manifests"
  authentic_of <"$work/manifests" >"$work/authentic"
  printf '%s\n' "$1" | lines_of_states | jq -n -R -r --arg timestamp "$1" "$jq_common $jq_states"'
    [documents | told | select(.timestamp == $timestamp)] | state_of | strings | plain'
}

# Lines of a word that says what they are: `point` and `bad` for people, `previous` for list_gaps.
jq_list='
def notes:
  (.lifeboat.components[] | select(.suspect) | "suspect: \(.id)"),
  (.lifeboat.components[] | select(.chain) | "\(.id): base \(.chain.base) and archived WAL up to \(.chain.endLsn)");
def note_of_state:
  if . == "failed" then "ITS VERIFICATION FAILED"
  elif . == "doubtful" then "A VERIFICATION OF IT FAILED, here or where this is copied from, and its proof is not here"
  elif . == "quarantined" then "QUARANTINED: its damage was found when it was verified" else empty end;
def point:
  "\(.timestamp)  \(if .success then "complete  " else "incomplete" end)  \(.total_size + 0) bytes"
  + "  \([.lifeboat.components[].id] | join(" "))";
# What is kept of a manifest: all of them may be more than memory holds.
def listed:
  select(.key | startswith("manifests/")) | .value as $manifest | (.key | split("/") | last | .[16:-5]) as $timestamp
  | ($manifest | first_fault($timestamp)) as $fault
  | {timestamp: $timestamp, fault: $fault}
    + ($manifest | if $fault != "" then {} else
        {point: point, notes: [notes], sequence: (.lifeboat.sequence // 0), date: ($timestamp | strptime("%Y%m%d_%H%M%S") | mktime),
          sealed: (.lifeboat.sealedAt[0:19] + "Z" | fromdate), previous: [.lifeboat | (.previous | objects | "\(.timestamp) \(.digest)"), (.missing[]? | "\(.) -")]}
      end);
# A clock that was wrong dates points so; their numbers say in which order they were sealed. Of points an object: to each
# timestamp whose date is disproved the oldest that was sealed later, and 300 s and more before that date.
def disproved:
  reduce (group_by(.sequence) | reverse[]) as $same ({earliest: infinite, later: [], found: {}};
    . as $so
    | .found += ([$same[] | select(.date > $so.earliest + 300) | . as $point
        | {key: .timestamp, value: ([$so.later[] | select(.sealed + 300 < $point.date and $so.found[.timestamp] == null) | .timestamp] | min)}
        | select(.value != null)] | from_entries)
    | .later += $same
    | .earliest = ([.earliest, $same[].sealed] | min))
  | .found;
def note_of_date: "ITS DATE IS WRONG: \(.) was sealed after it";
[documents | {told: told}, {listed: listed}] as $all
| ([$all[] | .told // empty] | group_by(.timestamp) | map({key: .[0].timestamp, value: state_of}) | from_entries) as $states
| ([$all[] | .listed // empty | select(.fault == "") | {timestamp, sequence, sealed, date}] | disproved) as $disproved
| $all[] | .listed // empty | .timestamp as $timestamp
| if .fault == "newer" then "bad \($timestamp)  NEWER FORMAT: look for a newer restore.sh"
  elif .fault != "" then "bad \($timestamp)  MALFORMED, or of another repository: \(.fault)"
  else "point \(.point)\(.notes + [($states[$timestamp] | note_of_state), ($disproved[$timestamp] | strings | note_of_date)] | map("  [\(.)]") | join(""))",
    (.previous[] | "previous \(.) \($timestamp)"),
    ($disproved[$timestamp] | strings | "disproved \($timestamp)") end'

# One line a point. Returns 1 where one is damaged, forged, of a newer format or gone.
list_points() {
  manifest_keys >"$work/manifests"
  authentic_of <"$work/manifests" >"$work/authentic"
  timestamps_of <"$work/authentic" | lines_of_states |
    jq -n -R -r --arg repository "$repository_id" "$jq_common $jq_states $jq_manifest_fault $jq_list" >"$work/listing"
  lines_beyond "$work/authentic" "$work/manifests" | timestamps_of | sed 's/.*/bad &  DAMAGED OR FORGED/' >>"$work/listing"
  timestamps_of <"$work/authentic" | while read -r timestamp; do
    grep -q "^[a-z]* $timestamp  " "$work/listing" || echo "bad $timestamp  MALFORMED: it is no JSON"
  done >>"$work/listing"
  list_gaps >>"$work/listing"
  list_lost >>"$work/listing"
  sed -n 's/^point //p; s/^bad //p' "$work/listing" | sort -u
  ! grep -q '^bad ' "$work/listing"
}

timestamps_of() {
  sed 's|.*/backup_manifest_||; s|\.json$||'
}

# Every manifest names the one before it, and those that were gone by then: what was taken away or exchanged is noticed.
# Retention leaves the manifest of what it takes below tombstones/.
list_gaps() {
  sed -n 's/^previous //p' "$work/listing" | while read -r timestamp digest by; do
    manifest_key_of "$timestamp" || continue
    if [ -f "$repository/$manifest_key" ]; then
      # A damaged one has its line already.
      if [ "$digest" = - ] || ! grep -qxF "$manifest_key" "$work/authentic"; then continue; fi
      [ "$(sha256_of_input <"$repository/$manifest_key")" = "$digest" ] ||
        echo "bad $timestamp  EXCHANGED: it is not the manifest that $by names"
    elif [ -f "$repository/tombstones/$manifest_key" ] && is_authentic "tombstones/$manifest_key"; then
      echo "point $timestamp  taken by retention, says its tombstone"
    else
      echo "bad $timestamp  GONE, but $by names it"
    fi
  done
}

# No manifest names the newest ones. That they were sealed say their proofs, which are of this place alone, and reports of
# backups, which in a copy may be ahead of the points.
list_lost() {
  sed -n 's/^disproved //p' "$work/listing" >"$work/disproved"
  timestamps_of <"$work/manifests" >"$work/timestamps"
  newest=$(lines_beyond "$work/disproved" "$work/timestamps" | tail -n 1)
  for folder in "$repository"/proofs/*/; do
    timestamp=${folder%/}
    timestamp=${timestamp##*/}
    is_absent "$timestamp" || continue
    proof_keys "$timestamp" | authentic_of | lines_of |
      jq -n -R -e "$jq_common"'any(documents; .value.unreadableManifest != true)' >/dev/null 2>&1 &&
      echo "bad $timestamp  GONE, but its proofs are here"
  done >"$work/lost"
  cat "$work/lost"
  # Only the few that may say so are authenticated.
  find "$repository"/reports/*Backup -type f -name '*.json' -exec awk -v newest="$newest" '
    match($0, /"backup": *"[0-9_]*"/) {
      said = substr($0, RSTART, RLENGTH)
      gsub(/[^0-9_]/, "", said)
      if (said "" > newest "") print FILENAME
    }' {} + 2>/dev/null | sed 's|^.*/\(reports/[^/]*/[^/]*\)$|\1|' | grep -x 'reports/[A-Za-z0-9._/-]*' | sort -u >"$work/reports"
  [ -s "$work/reports" ] || return 0
  authentic_of <"$work/reports" | lines_of | jq -n -R -r --arg newest "$newest" "$jq_common"'
    documents.value | select(.state == "sealed" or .state == "partial" or .state == "suspect") | .backup | strings
    | select(. > $newest and test("\\A[0-9_]+\\z"))' | sort -u | while read -r timestamp; do
    is_absent "$timestamp" && ! grep -q "^bad $timestamp " "$work/lost" || continue
    echo "point $timestamp  NOT HERE, though a report says that it was sealed; in a copy it may be on its way"
  done
}

# Whether nothing lies under timestamp $1 that could be a point, and no tombstone says where it went.
is_absent() {
  manifest_key_of "$1" || return 1
  [ ! -f "$repository/$manifest_key" ] &&
    ! { [ -f "$repository/tombstones/$manifest_key" ] && is_authentic "tombstones/$manifest_key"; }
}

show_point() {
  open_manifest "$1"
  state=$(state_of "$1")
  jq --arg state "$state" "$jq_common"'{timestamp, datetime, success, type: .lifeboat.type, total_size, state: $state,
    components: [.lifeboat.components[] | {id, kind, files, bytes, quiescence, suspect, facts} + (if .chain then {chain} else {} end)],
    failures: .lifeboat.failures}
    | walk(if text then plain elif of("object") then with_entries(.key |= plain) else . end)' "$manifest"
  say_notes
}

# What people should know of a component; of all where none is named.
say_notes() {
  while read -r what of note <&3; do
    [ "$what" = note ] || continue
    [ -z "${1:-}" ] || [ "$1" = "$of" ] || continue
    say "$of: $note"
  done 3<"$work/told"
}

# ---- indexes ----

# The first line of an index goes to $work/head, those of parts to $work/parts, the others are entries. A last line without
# its end makes more bytes than there are.
awk_index='
{ bytes -= length($0) + 1 }
NR == 1 { print_pairs($0); print ""; next }
{ out = ENVIRON["work"] (/^\[/ ? "/parts" : "/inline"); print >out }
END { exit bytes != 0 }'

# The lines of a part with whole pairs. The last one must have its end.
awk_part='
{ bytes -= length($0) + 1; print_pairs($0); print "" }
END { exit bytes != 0 }'

# References to blocks, as words: number of the pack, offset and length of the frame, SHA-256 and length of the block, and
# where it begins in the plaintext of a frame that it shares, else 0.
jq_blocks='
def refuse($why): error("the index \($why)");
def shown: tojson | .[0:200];
# In an array: else jq 1.6 would catch what comes later, too.
def json: [try [fromjson] catch null] | .[0] | if . == null then refuse("holds a line that is no JSON") else .[0] end;
def sizes: map({key: (.[0] + 0 | tostring), value: .[2]}) | from_entries;
def block($sizes; $place):
  if (of("array") and (length == 5 or length == 6) and (.[3] | hex(64)) and ([.[0, 1, 2, 4]] | all(count))
    and .[4] > 0 and .[4] <= 4194304 and (length == 5 or (.[5] | count and . > 0)))
  then if $sizes[.[0] + 0 | tostring] as $size | $size != null and .[1] + .[2] <= $size
    then "B \(.[0] + 0) \(.[1] + 0) \(.[2] + 0) \(.[3]) \(.[4] + 0) \(.[5] // 0 | . + 0)"
    else refuse("names a block outside of its pack for \($place)") end
  else refuse("holds a malformed block of \($place)") end;
'

# Of the first line of an index and the lines of its parts: its packs, and for each part its blocks and a line that ends it.
jq_index='
def short: count and . < 4294967296;
def head:
  if of("object") and .index == $index | not then refuse("is another one")
  elif (.format | numbers | . > 1) // false then refuse("has a newer format; look for a newer restore.sh")
  elif .format == 1 and ([.entries, .files, .bytes, .blocks] | all(count)) | not then refuse("has a malformed first line")
  elif .packs | of("array") and all(of("array") and length == 3 and (.[0] | short) and (.[1] | hex(64)) and (.[2] | short))
    and (map(.[0]) | length == (unique | length)) | not then refuse("has a malformed table of packs")
  elif .component != $component then refuse("is of another component")
  else .packs end;
(input | json | head) as $packs | ($packs | sizes) as $sizes
| ($packs[] | "P \(.[0] + 0) \(.[1])"),
  (inputs | json
    | if of("array") and length > 0 | not then refuse("has a part without blocks") else . end
    | (.[] | block($sizes; "a part")), "E",
      (if map(.[4]) | add > 268435456 then refuse("has a part that is too large") else empty end))'

# Writes the first line of index $1, whose SHA-256 is $2, to $work/head, its entries to $work/entries, one a line, and the
# numbers and names of its packs to $work/P. Returns 1 for what must not be restored.
read_index() {
  index=$repository/indexes/$1
  [ -f "$index" ] || { fail "indexes/$1 is gone"; return 1; }
  [ "$(sha256_of_input <"$index")" = "$2" ] ||
    { fail "indexes/$1 does not have the SHA-256 that the manifest names"; return 1; }
  open_frame "$index" 0 03 "$work/plain" && [ "$frame_bytes" = "$(size_of "$index")" ] ||
    { fail "indexes/$1 is damaged"; return 1; }
  : >"$work/parts"
  : >"$work/inline"
  : >"$work/entries"
  awk -v bytes="$plain_bytes" "$awk_pairs$awk_index" "$work/plain" >"$work/head" ||
    { fail "indexes/$1 has a line that is cut off"; return 1; }
  run_jq "$1" "$jq_common $jq_blocks $jq_index" --arg index "$1" --arg component "$component" "$work/head" "$work/parts" ||
    return 1
  sed -n 's/^P //p' "$work/lines" >"$work/P"
  while read -r number pack <&3; do eval "pack_$number=\$pack"; done 3<"$work/P"
  : >"$work/part"
  while read -r what number offset length digest plain at <&3; do
    case $what in
    P) continue ;;
    B)
      if ! read_part_block "$number" "$offset" "$length" "$digest" "$plain" "$at"; then
        fail "a part of indexes/$1 is damaged: block $digest in ${pack_file#"$repository"/} at byte $offset"
        return 1
      fi
      ;;
    E)
      awk -v bytes="$(size_of "$work/part")" "$awk_pairs$awk_part" "$work/part" >>"$work/entries" ||
        { fail "a part of indexes/$1 has a line that is cut off"; return 1; }
      : >"$work/part"
      ;;
    esac
  done 3<"$work/lines"
  awk "$awk_pairs"'{ print_pairs($0); print "" }' "$work/inline" >>"$work/entries"
}

# Adds a block of a part to $work/part; its words are those of read_block_header.
read_part_block() {
  read_block_header "$@" || return 1
  plain_of "$pack_file" "$2" >"$work/plain"
  if [ "$6" != 0 ]; then
    bytes_at "$6" "$5" "$work/plain" >"$work/block"
    mv -f "$work/block" "$work/plain"
  fi
  [ "$(sha256_of_input <"$work/plain")" = "$4" ] && cat "$work/plain" >>"$work/part"
}

# Runs a program of jq about the index $1 into $work/lines. It may end in a message of its own, or in one of jq.
run_jq() {
  of=$1 program=$2
  shift 2
  jq -n -R -r "$program" "$@" >"$work/lines" 2>"$work/why" || refuse "$of"
}

# Says why the index $1 is refused: the first line of $work/why.
refuse() {
  fail "refused: $(sed -n '1s/^jq: error ([^)]*): //;1p' "$work/why" | cut -c1-300) (indexes/$1)"
  return 1
}

# Entries as lines of words for the loops below. A name stands as `=name` where it has no blank and no control character,
# else as `~` and its bytes in octal. Everything that an index must not say is refused here, before anything is written:
# S lines are for what concerns several entries (see awk_relations).
jq_lines='
def octal3: "\(. / 64 | floor)\(. / 8 | floor | . % 8)\(. % 8)";
def utf8: explode | map(
  if . < 128 then . elif . < 2048 then 192 + (. / 64 | floor), 128 + . % 64
  elif . < 65536 then 224 + (. / 4096 | floor), 128 + (. / 64 | floor) % 64, 128 + . % 64
  else 240 + (. / 262144 | floor), 128 + (. / 4096 | floor) % 64, 128 + (. / 64 | floor) % 64, 128 + . % 64 end);
def is_base64: of("string") and test("\\A([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\\z");
def bytes64:
  [explode[] | if . >= 97 then . - 71 elif . >= 65 then . - 65 elif . >= 48 and . <= 57 then . + 4
    elif . == 43 then 62 elif . == 47 then 63 else empty end] as $digits
  | ($digits | length) as $n
  | [range(0; $n; 4) as $i
    | $digits[$i] * 4 + ($digits[$i + 1] / 16 | floor),
      (select($i + 2 < $n) | $digits[$i + 1] % 16 * 16 + ($digits[$i + 2] / 4 | floor)),
      (select($i + 3 < $n) | $digits[$i + 2] % 4 * 64 + $digits[$i + 3])];
def word_of_bytes: "~" + (map("\\0" + octal3) | join(""));
def word: if . == "" or test("[\\x00-\\x20\\x7f]|[\\x{80}-\\x{9f}]") then utf8 | word_of_bytes else "=" + . end;
def is_safe: (split("\u0000") | length == 1) and . != "" and (split("/") | all(. != "" and . != "." and . != ".."));
def hex_digit: "0123456789ABCDEF"[.:. + 1];
# The bytes of a name, as something to compare by and as a word: of the text, or of the base64 where there is one.
def name_of($text; $base64):
  if $text | (of("string") and is_safe) | not then refuse("names the unsafe path \($text | shown)")
  elif $base64 == null then {key: ($text | @uri), word: ($text | word)}
  else ($base64 | bytes64) as $bytes
    | if $bytes | implode | is_safe | not then refuse("names an unsafe path by its bytes: \($text | shown)") else
        {key: ($bytes | map(if . < 128 then [.] | implode | @uri else "%" + (. / 16 | floor | hex_digit) + (. % 16 | hex_digit) end)
           | join("")), word: ($bytes | word_of_bytes)} end
  end;
def mode: . % 4096 | "\(. / 512 | floor)\(. % 512 | octal3)";
# UTC as year_month_day_hour_minute_second_nanoseconds: any of them may become a part of a name of a variable.
def when:
  (if .[0:1] == "-" then [true, .[1:]] else [false, .] end) as [$isBefore, $digits]
  | (if $digits | length > 9 then $digits[:-9] | tonumber else 0 end) as $seconds
  | (("000000000" + $digits)[-9:] | tonumber) as $rest
  | (if $isBefore | not then [$seconds, $rest] elif $rest == 0 then [-$seconds, 0]
    else [-$seconds - 1, 1000000000 - $rest] end) as [$s, $ns]
  | if $s < -62135596800 or $s > 253402300799 then "-" else
      ("000" + ($s | gmtime | strftime("%Y_%m_%d_%H_%M_%S")))[-19:] + "_" + ("000000000\($ns)")[-9:] end;
def owner: "\((.user | strings | $ids[0].users[.]) // .uid | . + 0):\((.group | strings | $ids[0].groups[.]) // .gid | . + 0)";
def attribute_bytes: length / 4 * 3 - (if endswith("==") then 2 elif endswith("=") then 1 else 0 end);
# As setfattr reads them, with commas between; ACLs last, for they may take the right to write.
def attributes:
  if .xattrs == null then "-"
  elif .xattrs | of("object") | not then refuse("holds malformed attributes of \(.path | shown)")
  else .xattrs | to_entries
    | map((.key | utf8 | length) as $length
      | if $length > 255 or (.key | test("\\A(user\\.[^\\x00]+|system\\.posix_acl_(access|default)|security\\.capability)\\z") | not)
        then refuse("names the attribute \(.key | shown), which no backup carries")
        elif .value | is_base64 | not then refuse("holds a malformed value of the attribute \(.key | .[0:80])")
        elif .value | attribute_bytes > 65536 then refuse("holds a value of the attribute \(.key | .[0:80]) that is too long")
        else {last: (.key | startswith("system.")), bytes: ($length + (.value | attribute_bytes)),
          line: ((.key | utf8 | map("\\" + octal3) | join("")) + (if .value == "" then "" else "=0s" + .value end))} end)
    | if map(.bytes) | add // 0 | . > 262144 then refuse("holds too many attributes of one entry") else . end
    | sort_by(.last) | map(.line) | join(",") | if . == "" then "-" else . end
  end;
def sound:
  if of("object") | not then refuse("holds a line that is no entry")
  elif .type as $type | ["file", "directory", "symlink", "hardlink"] | index([$type]) | not
    then refuse("holds an entry of the type \(.type | shown)")
  elif ([.mode, .uid, .gid] | all(count)) and (.mtimeNs | of("string") and test("\\A-?[0-9]{1,20}\\z"))
    and may_have("pathBase64"; is_base64) and may_have("targetBase64"; is_base64) and may_have("xattrs"; . != null)
    and (.type == "directory" or .type == "file" or (.target | of("string")))
    and (.type != "file" or ((.size | count) and may_have("sha256"; hex(64)) and (.blocks | of("array"))))
    and (.xattrs == null or .type == "file" or .type == "directory")
    then if .type == "file" and (.size != ([.blocks[] | arrays | .[4] | numbers] | add // 0))
      then refuse("claims another size than its blocks have for \(.path | shown)") else . end
  else refuse("holds a malformed entry: \(.path | shown)") end;
def file($sizes; $place; $name):
  "F \(.mode | mode) \(.mtimeNs | when) \(owner) \(.sha256 // "-") \(.blocks | length) \(attributes) \($place) \($name)",
  (.path as $path | .blocks[] | block($sizes; $path | shown));
def lines($sizes):
  sound
  | name_of(.path; .pathBase64) as {$key, $word}
  | if .path == ".lifeboat" or (.path | startswith(".lifeboat/")) then
      # Checked, too, but only what the engine had beside its data is written.
      [attributes, (.blocks | arrays | .[] | block($sizes; "a file of ours")), (select(.target) | name_of("x"; null))] as $checked
      | if .path == ".lifeboat/facts.json" and .type == "file" then file($sizes; "facts"; "=facts.json")
        elif $kind == "postgres" and .type == "file" and .pathBase64 == null and (.path | startswith(".lifeboat/config/")) then
          .path[1:] as $place | "S f \($place | @uri)", file($sizes; "target"; $place | word)
        else empty end
    elif .type == "file" then "S f \($key)", file($sizes; "target"; $word)
    elif .type == "directory" then "S d \($key)", "D \($word)",
      "T \($key | length) \(.mode | mode) \(.mtimeNs | when) \(owner) \(attributes) \($word)"
    elif $kind == "postgres" then
      # Links could have a server write elsewhere. Those to tablespaces are made anew.
      if .path | test("\\Apg_tblspc/[^/]+\\z") then empty else refuse("names \(.path | shown), which is a \(.type)") end
    elif .type == "hardlink" then name_of(.target; .targetBase64) as $goal | "S h \($key) \($goal.key)", "H \($goal.word) \($word)"
    else (if .targetBase64 == null then .target | utf8 else .targetBase64 | bytes64 end) as $bytes
      | (if $bytes == [] or ($bytes | index([0])) then refuse("has a malformed link \(.path | shown)")
        elif .targetBase64 == null then .target | word else $bytes | word_of_bytes end) as $goal
      | "S l \($key)", "L \(.mtimeNs | when) \(owner) \($goal) \($word)"
    end;
'

# No name twice, nothing below what is no folder, hard links only to files. The other lines go into files by their kind.
awk_relations='
function refuse(why) { print "the index " why; bad = 1; exit 1 }
$1 == "S" {
  if ($3 in type && (type[$3] != "d" || $2 != "d")) refuse("names " $3 " twice")
  type[$3] = $2
  if ($2 == "h") goal[$3] = $4
  next
}
{ print > (ENVIRON["work"] "/" ($1 == "B" ? "F" : $1)) }
END {
  if (bad) exit 1
  for (key in type) {
    parts = split(key, part, "%2F")
    above = part[1]
    for (at = 2; at <= parts; at++) {
      if ((above in type) && type[above] != "d") refuse("names " key ", which lies below " above ", and that is no folder")
      above = above "%2F" part[at]
    }
  }
  for (key in goal)
    if (!(goal[key] in type) || type[goal[key]] != "f") refuse("names the hard link " key " to " goal[key] ", which is no file")
}'

# Users and groups of this host, by name: a recorded name wins over its number. Only root gives files away.
read_ids() {
  echo '{"users": {}, "groups": {}}' >"$work/ids"
  [ "$is_root" = true ] || return 0
  { sed 's/^/users:/' /etc/passwd; sed 's/^/groups:/' /etc/group; } 2>/dev/null | jq -n -R '
    reduce ([inputs | split(":") | select(length > 3 and .[1] != "" and (.[3] | test("\\A[0-9]+\\z")))] | reverse[]) as $each
      ({users: {}, groups: {}}; .[$each[0]][$each[1]] = ($each[3] | tonumber))' >"$work/ids"
}

# Writes $work/F, D, H, L and T of the index $1, which read_index has read. Returns 1 for what must not be restored.
plan_entries() {
  for lines in F D H L T; do : >"$work/$lines"; done
  run_jq "$1" "$jq_common $jq_blocks $jq_lines"'
    if $head[0].entries != $entries then refuse("holds other entries than it counts") else $head[0].packs | sizes end
    | . as $sizes | inputs | json | lines($sizes)' \
    --slurpfile ids "$work/ids" --slurpfile head "$work/head" --arg kind "$component_kind" \
    --argjson entries "$(($(wc -l <"$work/entries")))" "$work/entries" || return 1
  awk "$awk_relations" "$work/lines" >"$work/why" || refuse "$1"
}

# ---- files ----

# Sets the variable $1 to the name that jq wrote as the word $2, line feeds at the end included.
decode_name() {
  case $2 in
  =*) eval "$1=\${2#=}" ;;
  *)
    decoded=$(printf '%b.' "${2#?}")
    eval "$1=\${decoded%.}"
    ;;
  esac
}

# For people: the name where it can be printed.
shown_name() {
  case $1 in
  =*) printf '%s' "${1#=}" ;;
  *) printf '%s' "${1#?}" | sed 's/\\0/\\/g' ;;
  esac
}

# Contents came back, but not all $1: the closing words of the script name them.
miss() {
  printf '%s\n' "$1" >>"$work/missed"
}

# Gives files the owner, mode or time $2; $1 says which.
give() {
  what=$1 value=$2
  shift 2
  [ $# != 0 ] || return 0
  case $what in
  owner)
    [ "$is_root" = false ] || quietly chown "$value" "$@" || {
      say "warning: cannot give all files to $value"
      miss owners
    }
    ;;
  mode)
    quietly chmod "$value" "$@" || {
      say "warning: cannot give all files the mode $value"
      miss modes
    }
    ;;
  time) give_time "$value" "$@" ;;
  esac
}

# Counts in untimed the files that cannot have the time $1; `-` is one that no script can write.
give_time() {
  given=$1
  shift
  [ "$given" = - ] || ! set_time "$given" "$@" || return 0
  for timed; do
    [ "$given" != - ] && set_time "$given" "$timed" 2>/dev/null || untimed=$((untimed + 1))
  done
}

# Sets the time of files to the UTC time $1, as jq wrote it; -h before a file that is a link.
set_time() {
  iso=$1
  shift
  parts_of_time "$iso"
  if [ "$has_fractions" = true ]; then
    quietly touch -d "$iso_time" "$@"
  else
    (TZ=UTC0 && export TZ && quietly touch -t "$short_time" "$@")
  fi
}

parts_of_time() {
  old_ifs=$IFS
  IFS=_
  # shellcheck disable=SC2086
  set -- $1
  IFS=$old_ifs
  iso_time=$1-$2-$3T$4:$5:$6.$7Z
  short_time=$1$2$3$4$5.$6
}

# Files of one owner, mode or time of a batch are given it by one process: add_to_group KIND VALUE FILE.
add_to_group() {
  group=$2
  case $group in *:*) group=${group%%:*}_${group#*:} ;; -) group=none ;; esac
  eval "members=\${group_$1_$group:-}"
  [ -n "$members" ] || eval "groups_$1=\"\${groups_$1:-} $2\""
  eval "group_$1_$group=\"\$members $3\""
}

give_groups() {
  eval "values=\${groups_$1:-}"
  for value in $values; do
    group=$value
    case $group in *:*) group=${group%%:*}_${group#*:} ;; -) group=none ;; esac
    eval "members=\$group_$1_$group"
    # Times are of a million kinds, and a shell is slow with a million variables.
    unset "group_$1_$group"
    # shellcheck disable=SC2086
    give "$1" "$value" $members
  done
  eval "groups_$1="
}

# Adds the attributes $2 (as jq wrote them) of the file with the name in octal $1 to $work/attributes.
note_attributes() {
  {
    printf '# file: %s\n' "$1"
    printf '%s\n' "$2" | tr ',' '\n'
    echo
  } >>"$work/attributes"
  attributes_noted=$((attributes_noted + $(printf '%s\n' "$2" | tr ',' '\n' | wc -l)))
}

# After chown, which takes capabilities away, and before chmod, which may forbid to write user.* attributes.
give_attributes() {
  [ "$attributes_noted" != 0 ] || return 0
  if [ "$has_setfattr" = false ]; then
    lost=$((lost + attributes_noted))
  elif ! setfattr -h --restore="$work/attributes" 2>"$work/refused"; then
    say "warning: attributes that cannot be set: $(cat "$work/refused")"
    lost=$((lost + $(wc -l <"$work/refused")))
  fi
  : >"$work/attributes"
  attributes_noted=0
}

# Starts to fetch a block into the file $block of the current folder, or the frame that it shares with others, from which
# cut_blocks takes it; its words are those of read_block_header. fresh=false where this batch has it already.
fetch_block() {
  block=b$1_$2_$3_$6_$5_$4
  fresh=false
  [ ! -e "$block" ] || return 0
  fresh=true
  # What is not as it must be stays empty, and no block has the SHA-256 of that.
  : >"$block"
  blocks="$blocks $block"
  digests="$digests$4$nl"
  batch_blocks=$((batch_blocks + 1))
  batch_bytes=$((batch_bytes + $5))
  frame=$block
  if [ "$6" != 0 ]; then
    frame=u$1_$2_$3
    shared=$frame
    printf '%s %s %s %s\n' "$frame" "$6" "$5" "$block" >&9
    [ ! -e "$frame" ] || return 0
    : >"$frame"
  fi
  read_block_header "$@" || return 0
  batch_frames=$((batch_frames + 1))
  batch_bytes=$((batch_bytes + plain_bytes))
  [ "$plain_bytes" -le "$largest" ] || largest=$plain_bytes
  case $frame_flags in
  02 | 03)
    packed="$packed $frame.zst"
    payload_of "$pack_file" "$2" >"$frame.zst" &
    ;;
  *) payload_of "$pack_file" "$2" >"$frame" & ;;
  esac
  running=$((running + 1))
  if [ "$running" = 4 ]; then
    wait
    running=0
  fi
}

# Unpacks the blocks of the batch and compares all at once with the SHA-256 that the index names. Sets bad to those that are
# damaged.
check_blocks() {
  wait
  running=0
  # What comes out is not yet known to be ours: no more than a frame may have. Units of 512 or 1024 bytes.
  limit=$((largest / 512 + 2))
  # shellcheck disable=SC2086
  if [ -n "$packed" ] && ! (ulimit -f "$limit" || :; exec zstd -q -d -f $packed) 2>/dev/null; then
    for each in $packed; do
      (ulimit -f "$limit" || :; exec zstd -q -d -f "$each") 2>/dev/null || : >"${each%.zst}"
    done
  fi
  cut_blocks
  # shellcheck disable=SC2086
  if [ "$(openssl dgst -sha256 -r $blocks 2>/dev/null | cut -c1-64)$nl" = "$digests" ]; then return; fi
  # A full disk must not look like a damaged repository.
  head -c "$((largest * 4))" /dev/zero >room 2>/dev/null || die "there is no room left for $into"
  rm -f room
  for block in $blocks; do
    digest=${digests%%"$nl"*}
    digests=${digests#*"$nl"}
    [ "$(sha256_of_input <"$block")" != "$digest" ] || continue
    bad="$bad $block "
    number=${block#b}
    offset=${number#*_}
    pack_of "${number%%_*}"
    eval "fault_$block=\"block $digest in packs/${pack%"${pack#??}"}/$pack at byte ${offset%%_*}\""
  done
}

# A process for each small block would cost more than its content, so a shell writes these. Lines of frame, offset, length and
# block, in the order of frames and offsets, become commands; larger ones, and what lies before the last one, are cut out.
awk_cut='
$1 != frame {
  if (source) close(source)
  frame = $1
  source = "od -An -v -to1 " frame
  begin = end = 0
}
$3 > 8192 || $2 < begin { print "cut_block " $0; next }
{
  at = $2
  upto = at + $3
  printf "printf \047"
  while (at < upto) {
    if (at >= end) {
      if ((source | getline text) <= 0) break
      gsub(/ +/, "\\", text)
      begin = end
      end = begin + length(text) / 4
      continue
    }
    stop = upto < end ? upto : end
    printf "%s", substr(text, (at - begin) * 4 + 1, (stop - at) * 4)
    at = stop
  }
  print "\047 >" $4
}'

# Takes the blocks of the batch out of the frames that they share.
cut_blocks() {
  [ -s cut.list ] || return 0
  if sort -k1,1 -k2,2n cut.list | awk "$awk_cut" >cut.sh; then . ./cut.sh || :; fi
}

cut_block() {
  bytes_at "$2" "$3" "$1" >"$4"
}

# Sets the fault of file number $1 from the damaged ones among the blocks that follow.
fault_of_blocks() {
  of=$1
  shift
  for block; do
    case $bad in *" $block "*) ;; *) continue ;; esac
    eval "fault_of_$of=\$fault_$block"
    return
  done
}

# The batch's blocks become files: put together, compared, given owner, attributes, mode and time, and then their names.
# Its jobs: `A file blocks…` appends, `E file …` is the end of a file (see write_files).
finish_batch() {
  exec 4>&- 9>&-
  bad=
  [ -z "$blocks" ] || check_blocks
  files= sums=
  while read -r job file own mode when owner sum attributes place word <&5; do
    case $job in
    A)
      # shellcheck disable=SC2086
      set -- $own $mode $when $owner $sum $attributes $place $word
      [ -z "$bad" ] || fault_of_blocks "$file" "$@"
      eval "fault=\${fault_of_$file:-}"
      [ -n "$fault" ] || cat "$@" >>"f$file" || die "cannot write below $into"
      ;;
    E)
      if [ "$own" != - ]; then
        [ -z "$bad" ] || fault_of_blocks "$file" "$own"
      else
        own=f$file
        : >>"$own"
      fi
      eval "fault=\${fault_of_$file:-}"
      [ -z "$fault" ] || continue
      if [ "$sum" != - ]; then
        files="$files $own"
        sums="$sums$sum$nl"
      fi
      ;;
    esac
  done 5<batch.list
  # shellcheck disable=SC2086
  if [ -n "$files" ] && [ "$(openssl dgst -sha256 -r $files | cut -c1-64)$nl" != "$sums" ]; then compare_sums; fi
  place_files
  # The next batch may begin with blocks of the same frame.
  set --
  for each in u*; do [ "$each" = "$shared" ] || set -- "$@" "$each"; done
  rm -f b* "$@"
  begin_batch
}

begin_batch() {
  blocks= digests= packed= largest=0 batch_blocks=0 batch_frames=0 batch_bytes=0 files_of_batch=0
  exec 4>batch.list 9>cut.list
}

# Finds which of the batch's files has another SHA-256 than the index says.
compare_sums() {
  while read -r job file own mode when owner sum rest <&5; do
    [ "$job" = E ] && [ "$sum" != - ] || continue
    eval "fault=\${fault_of_$file:-}"
    [ -z "$fault" ] || continue
    [ "$own" != - ] || own=f$file
    [ "$(sha256_of_input <"$own")" = "$sum" ] || eval "fault_of_$file='its SHA-256 differs'"
  done 5<batch.list
}

place_files() {
  while read -r job file own mode when owner sum attributes place word <&5; do
    [ "$job" = E ] && [ "$place" = target ] || continue
    eval "fault=\${fault_of_$file:-}"
    [ -z "$fault" ] || continue
    [ "$own" != - ] || own=f$file
    if [ "$is_root" = true ]; then add_to_group owner "$owner" "$own"; fi
    [ "$attributes" = - ] || note_attributes "$own" "$attributes"
    add_to_group mode "$mode" "$own"
    add_to_group time "$when" "$own"
  done 5<batch.list
  give_groups owner
  give_attributes
  give_groups mode
  give_groups time
  while read -r job file own mode when owner sum attributes place word <&5; do
    [ "$job" = E ] || continue
    [ "$own" != - ] || own=f$file
    eval "fault=\${fault_of_$file:-}"
    if [ -n "$fault" ]; then
      say "damaged: $(shown_name "$word"): $fault"
      rm -f "$own"
      failures=$((failures + 1))
    elif [ "$place" = facts ]; then
      mv -f "$own" "$work/facts.json"
    else
      decode_name name "$word"
      make_parent
      # Two names that only this file system takes for one.
      if [ -e "$into/$name" ] || [ -L "$into/$name" ]; then die "$into/$(shown_name "$word") is there already"; fi
      if ! quietly mv "$own" "$into/$name"; then
        rm -f "$own"
        failures=$((failures + 1))
      fi
      if [ "$component_kind $name" = 'postgres PG_VERSION' ]; then root_owner=$owner; fi
    fi
  done 5<batch.list
}

# Reads $work/F in the folder $stage, below $into: so a file gets its name only when it is whole.
write_files() {
  file_number=0 running=0 done_bytes=0 told_bytes=0 shared=
  begin_batch
  while read -r what a b c d e f g h <&3; do
    case $what in
    F)
      file_number=$((file_number + 1))
      ending="$a $b $c $d $f $g $h" left=$e count=$e taken=- parts=
      ;;
    B)
      fetch_block "$a" "$b" "$c" "$d" "$e" "$f"
      # The only block of a file becomes the file, unless another one has taken it.
      if [ "$count" = 1 ] && [ "$fresh" = true ]; then taken=$block; else parts="$parts $block"; fi
      left=$((left - 1))
      done_bytes=$((done_bytes + e))
      ;;
    esac
    is_full=false
    if [ "$batch_frames" -ge 128 ] || [ "$batch_blocks" -ge 512 ] || [ "$batch_bytes" -ge 33554432 ]; then is_full=true; fi
    if [ "$left" = 0 ] || [ "$is_full" = true ]; then
      [ -z "$parts" ] || printf 'A %s%s\n' "$file_number" "$parts" >&4
      parts=
    fi
    if [ "$left" = 0 ]; then
      printf 'E %s %s %s\n' "$file_number" "$taken" "$ending" >&4
      files_of_batch=$((files_of_batch + 1))
    fi
    if [ "$is_full" = true ] || [ "$files_of_batch" -ge 200 ]; then
      finish_batch
      tell_progress
    fi
  done 3<"$work/F"
  finish_batch
  exec 4>&- 9>&-
}

# On a terminal: a restore may take hours.
tell_progress() {
  [ -t 2 ] && [ "$done_bytes" -ge "$((told_bytes + 268435456))" ] || return 0
  told_bytes=$done_bytes
  say "$component: $((done_bytes / 1048576)) of $((component_bytes / 1048576)) MiB"
}

make_folders() {
  set --
  while read -r what word <&3; do
    decode_name name "$word"
    set -- "$@" "$into/$name"
    if [ $# -ge 100 ]; then
      quietly mkdir -p "$@" || failures=$((failures + 1))
      set --
    fi
  done 3<"$work/D"
  [ $# = 0 ] || quietly mkdir -p "$@" || failures=$((failures + 1))
}

# Last of all: while files were written there was no link to be followed.
make_links() {
  while read -r what goal word <&3; do
    decode_name target "$goal"
    decode_name name "$word"
    make_parent
    # The first name was left out where its content is damaged.
    [ -f "$into/$target" ] && quietly ln "$into/$target" "$into/$name" || failures=$((failures + 1))
  done 3<"$work/H"
  while read -r what when owner goal word <&3; do
    decode_name target "$goal"
    decode_name name "$word"
    make_parent
    quietly ln -s -- "$target" "$into/$name" || { failures=$((failures + 1)); continue; }
    [ "$is_root" = false ] || quietly chown -h "$owner" "$into/$name" || {
      say "warning: cannot give $(shown_name "$word") to $owner"
      miss owners
    }
    [ "$has_link_times" = true ] && [ "$when" != - ] && set_time "$when" -h "$into/$name" || untimed=$((untimed + 1))
  done 3<"$work/L"
}

# The folder in which $name lies; what cannot be put there is told then.
make_parent() {
  case $name in */*) [ -d "$into/${name%/*}" ] || quietly mkdir -p "$into/${name%/*}" || : ;; esac
}

# Deepest first: a mode or an ACL may lock us out of what lies below. Modes come after times, attributes before modes.
finish_folders() {
  [ -s "$work/T" ] || return 0
  sort -k2,2nr "$work/T" >"$work/folders"
  give_folders owner
  while read -r what length mode when owner attributes word <&3; do
    [ "$attributes" != - ] || continue
    decode_name name "$word"
    note_attributes "$(octal_of "$into/$name")" "$attributes"
  done 3<"$work/folders"
  # Those of links below are set already; an attribute changes no time.
  give_folders time
  give_attributes
  give_folders mode
}

# Every byte of $1 as setfattr reads it.
octal_of() {
  printf '%s' "$1" | od -An -v -to1 | tr -d '\n' | sed 's/ /\\/g'
}

# The owner, mode or time of all folders, neighbours that have the same at once.
give_folders() {
  step=$1 last=
  set --
  while read -r what length mode when owner attributes word <&3; do
    case $step in owner) each=$owner ;; mode) each=$mode ;; time) each=$when ;; esac
    if [ "$each" != "$last" ] || [ $# -ge 100 ]; then
      give "$step" "$last" "$@"
      set --
    fi
    last=$each
    decode_name name "$word"
    set -- "$@" "$into/$name"
  done 3<"$work/folders"
  give "$step" "$last" "$@"
}

# Lines of what the sealed facts say. `own`: mode, owner and attributes of the folder itself, which has no entry; that of a
# database has the owner of its files. `link`: path and target of links of the data directory that a base backup does not
# follow, but for those to the log and to pg_wal: the server needs no more there than a folder.
jq_facts='
def normal: reduce split("/")[] as $part ([]; if $part == "" or $part == "." then . elif $part == ".." then .[:-1] else . + [$part] end)
  | "/" + join("/");
if $kind == "postgres" then
  "own \(.dataDirectoryMode | if count then mode else "0700" end) - -",
  (.dataDirectory as $data | .links | arrays[] | objects | select(.purpose == "configuration" and (.path | text and is_safe))
    | select([.target, $data] | all(text)) | (.path | split("/")[:-1] | join("/")) as $folder
    | "link \(.path | word) \((if .target | startswith("/") then .target else "\($data)/\($folder)/\(.target)" end) | normal | word)")
elif (.owner | of("object")) and ([.owner | .mode, .uid, .gid] | all(count)) then
  .owner | "own \(.mode | mode) \(owner) \(attributes)"
else empty end'

read_facts() {
  : >"$work/said"
  [ -f "$work/facts.json" ] || return 0
  whole_text "$work/facts.json" | jq -r --slurpfile ids "$work/ids" --arg kind "$component_kind" \
    "$jq_common $jq_blocks $jq_lines $jq_facts" >"$work/said" 2>/dev/null || {
    say "warning: what $component should have as owner, mode and links cannot be read"
    miss owners
    miss modes
  }
}

finish_own_folder() {
  own_mode= own_attributes=-
  while read -r what mode owner attributes <&3; do
    [ "$what" = own ] || continue
    own_mode=$mode own_attributes=$attributes
    [ "$owner" = - ] || root_owner=$owner
  done 3<"$work/said"
  [ -z "$root_owner" ] || give owner "$root_owner" "$into"
  if [ "$own_attributes" != - ]; then
    note_attributes "$(octal_of "$into")" "$own_attributes"
    give_attributes
  fi
  [ -z "$own_mode" ] || give mode "$own_mode" "$into"
}

# ---- databases ----

lsn_number() {
  lsn=$(((0x${1%/*} << 32) + 0x${1#*/}))
}

lsn_text() {
  printf '%X/%X' "$(($1 >> 32))" "$(($1 & 4294967295))"
}

# Sets segment_file to the name of the segment that begins at $2 on timeline $1.
segment_name() {
  per_log=$((4294967296 / segment_bytes))
  segment_file=$(printf '%08X%08X%08X' "$1" "$(($2 / segment_bytes / per_log))" "$(($2 / segment_bytes % per_log))")
}

# Writes what the archived object $1 holds to $stage/content and sets content_bytes. Returns 1 where it is damaged, or
# stands under another name than its own.
open_wal() {
  open_frame "$1" 0 05 "$stage/plain" && [ "$frame_bytes" = "$(size_of "$1")" ] || return 1
  head -c 4096 "$stage/plain" >"$work/wal.head"
  IFS= read -r line <"$work/wal.head" || return 1
  # As Lifeboat writes it, or as somebody else might.
  case $line in
  "{\"component\":\"$component\",\"systemId\":\"$system_id\",\"name\":\"${1##*/}\","*) ;;
  *) [ "$(printf '%s' "$line" | jq -r '"\(.component) \(.systemId) \(.name)"' 2>/dev/null)" = "$component $system_id ${1##*/}" ] || return 1 ;;
  esac
  content_bytes=$((plain_bytes - ${#line} - 1))
  tail -c "+$((${#line} + 2))" "$stage/plain" >"$stage/content"
}

# What stands under a name of ours and is none of ours, or is damaged: something else may hold the same.
pass_over() {
  say "$component: passed over, for it is damaged: ${1#"$repository"/}"
}

# The timelines from the base to the last one, as lines of number and end, oldest first.
timelines_to() {
  hex=$(printf '%08X' "$1")
  : >"$work/timelines"
  if [ "$1" != "$base_timeline" ]; then
    if ! [ -f "$archive/$hex/$hex.history" ] || ! open_wal "$archive/$hex/$hex.history"; then
      fail "the history of timeline $1 is missing or damaged in the archive"
      return 1
    fi
    # Other lines are comments.
    sed -n "s|^[[:space:]]*0*\([1-9][0-9]\{0,9\}\)[[:space:]]\{1,\}\([0-9A-Fa-f]\{1,8\}/[0-9A-Fa-f]\{1,8\}\)\([[:space:]].*\)\{0,1\}$|\1 \2|p" \
      "$stage/content" | while read -r timeline at; do
      lsn_number "$at"
      printf '%s %s\n' "$timeline" "$lsn"
    done >"$work/timelines"
  fi
  printf '%s %s\n' "$1" "$2" >>"$work/timelines"
  # Only from the one on which the base lies.
  : >"$work/line"
  while read -r timeline lsn <&3; do
    if [ -s "$work/line" ] || { [ "$timeline" = "$base_timeline" ] && [ "$from" -le "$lsn" ]; }; then
      printf '%s %s\n' "$timeline" "$lsn" >>"$work/line"
    fi
  done 3<"$work/timelines"
  [ -s "$work/line" ] || { fail "the base lies on no timeline that leads to timeline $1"; return 1; }
}

begin_segment() {
  end_segment
  segment=$1 filled=$1 current_file=${name%%.*}
  : >"$stage/segment"
}

# The rest of a segment is zero: there a recovery ends.
end_segment() {
  [ -n "$segment" ] || return 0
  if [ "$filled" -gt "$segment" ]; then
    [ "$((filled - segment))" = "$segment_bytes" ] || head -c "$((segment + segment_bytes - filled))" /dev/zero >>"$stage/segment"
    mv "$stage/segment" "$wal/$current_file"
    segments=$((segments + 1))
  fi
  segment=
}

# Adds bytes of file $1 from $2 (a position) on, where the file begins at position $3 and ends at $4.
add_stretch() {
  upto=$4
  [ "$upto" -le "$to" ] || upto=$to
  [ "$upto" -gt "$filled" ] || return 0
  tail -c "+$((filled - $3 + 1))" "$1" | head -c "$((upto - filled))" >>"$stage/segment"
  filled=$upto
}

# Whether $1 is a position as it stands in a name: 16 digits of hex, below 2^62.
is_position() {
  case $1 in
  *[!0-9A-F]* | [4-9A-F]*) return 1 ;;
  ????????????????) ;;
  *) return 1 ;;
  esac
}

# Sets start and end of the piece of timeline $hex with the name $1, and at and segment_end, where its segment begins and
# ends. Returns 1 for what is no name of a piece: Lifeboat passes it over as well.
place_of_piece() {
  of_segment=${1%%.*}
  numbers=${of_segment#"$hex"}
  [ "$hex$numbers" = "$of_segment" ] && is_position "$numbers" || return 1
  at=$((0x${numbers#????????} * segment_bytes))
  [ "$at" -lt 4294967296 ] || return 1
  at=$(((0x${numbers%????????} << 32) + at))
  segment_end=$((at + segment_bytes))
  start=$at end=$segment_end
  [ "$1" != "$of_segment" ] || return 0
  numbers=${1#*.}
  is_position "${numbers%%-*}" && is_position "${numbers#*-}" || return 1
  start=$((0x${numbers%%-*})) end=$((0x${numbers#*-}))
  # A stretch that is the whole segment has the name of that.
  [ "$at" -le "$start" ] && [ "$start" -lt "$end" ] && [ "$end" -le "$segment_end" ] && [ "$((end - start))" != "$segment_bytes" ]
}

# Puts segments of one timeline together that lead from position $from to $to, as far as the archive does. Sets reached, and
# stopper to a damaged piece that would have led further. Names come in the order of positions, a whole segment before its
# stretches, so what is damaged is made up for by what follows.
write_timeline() {
  hex=$(printf '%08X' "$timeline")
  segment= reached=$from stopper= stopper_end=0
  for piece in "$archive/$hex/$hex"????????????????*; do
    name=${piece##*/}
    place_of_piece "$name" && [ -f "$piece" ] || continue
    [ "$segment_end" -gt "$from" ] && [ "$at" -lt "$to" ] || continue
    [ "$start" -le "$reached" ] || break
    [ "$at" = "$segment" ] || begin_segment "$at"
    [ "$end" -gt "$filled" ] && [ "$filled" -lt "$to" ] || continue
    if ! open_wal "$piece" || [ "$content_bytes" != "$((end - start))" ]; then
      pass_over "$piece"
      [ "$end" -le "$stopper_end" ] || stopper=$piece stopper_end=$end
      continue
    fi
    if [ "$start" -gt "$filled" ]; then
      # What was written before the archive began is on the timeline before this one, or in the base itself.
      before=$wal/$previous${current_file#????????}
      [ -f "$before" ] || before=$into/pg_wal/$current_file
      [ "$start" -le "$from" ] && [ -f "$before" ] || break
      add_stretch "$before" "$segment" "$segment" "$start"
    fi
    add_stretch "$stage/content" "$start" "$start" "$end"
    [ "$filled" -le "$reached" ] || reached=$filled
  done
  end_segment
  [ "$stopper_end" -gt "$reached" ] && [ "$reached" -lt "$to" ] || stopper=
}

# What PostgreSQL asks for each file: 1 ends the recovery, so it is said only where the archive has no more.
fetch_script='#!/bin/sh
# Gives PostgreSQL a file of the archived WAL that restore.sh put beside this script.
here=${0%/*}
if [ -f "$here/$1" ]; then cp "$here/$1" "$2" && exit 0; exit 126; fi
if [ -r "$here/segments" ] && ! grep -qx "$1" "$here/segments"; then exit 1; fi
exit 126'

# Writes the archived WAL that leads from the base to the point into the data directory, and has the first start replay it.
# Its words are those of jq_manifest from the system identifier on.
restore_wal() {
  [ $# = 7 ] || { fail 'its facts do not say where its base ends'; return; }
  system_id=$1 base_timeline=$2 segment_bytes=$4 end_timeline=$6 end_lsn=$7
  if [ "$5" = true ]; then
    fail 'archived WAL of its timeline is of another server'
    return
  fi
  [ "$((1 << 40))" = 1099511627776 ] || die 'this shell cannot count positions of WAL: use dash, bash or the sh of BusyBox'
  archive=$repository/wal/$(printf '%s' "$component" | sed 's/\./.2e/g')/$system_id
  wal=$into/lifeboat/wal
  mkdir -p "$wal"
  lsn_number "$3"
  from=$lsn
  goal=9223372036854775807
  if [ "$all_wal" = false ]; then
    lsn_number "$end_lsn"
    goal=$lsn
  fi
  timelines_to "$end_timeline" "$goal" || return 0
  segments=0 previous=
  while read -r timeline to <&6; do
    write_timeline
    reached_on=$timeline
    [ "$reached" -ge "$to" ] || break
    from=$to previous=$hex
  done 6<"$work/line"
  if [ "$all_wal" = true ]; then
    [ -z "$stopper" ] || fail "what follows $(lsn_text "$reached") on timeline $reached_on is damaged: ${stopper#"$repository"/}"
  elif [ "$reached_on $reached" != "$end_timeline $goal" ]; then
    fail "archived WAL leads to $(lsn_text "$reached") on timeline $reached_on only, the point lies at $end_lsn on timeline $end_timeline"
  fi
  write_histories
  have_wal_replayed
}

# All of them: by these a recovery finds a number for its new timeline that nobody used before. It looks only whether they
# are there, but for that of its target, which timelines_to has read: so one that is damaged keeps its number.
write_histories() {
  for history in "$archive"/????????/????????.history; do
    name=${history##*/}
    case ${name%.history} in *[!0-9A-F]*) continue ;; esac
    [ "$history" = "$archive/${name%.history}/$name" ] && [ -f "$history" ] || continue
    if open_wal "$history"; then mv "$stage/content" "$wal/$name"; else
      pass_over "$history"
      echo '# damaged in the archive' >"$wal/$name"
    fi
  done
}

have_wal_replayed() {
  printf '%s\n' "$fetch_script" >"$wal/fetch"
  # Read when a file is missing: one that was there once must not end a recovery.
  (cd "$wal" && ls) | grep -E '^[0-9A-F]{8}' >"$work/segments" || :
  mv "$work/segments" "$wal/segments"
  # A standby would go on waiting for its primary.
  if [ -e "$into/standby.signal" ]; then mv "$into/standby.signal" "$into/lifeboat/standby.signal"; fi
  : >"$into/recovery.signal"
  # Nobody may read what is not replayed yet: a replay that others read from also pauses for good where it meets higher limits
  # than its own (max_connections). What the server set for standbys must neither delay it nor remove archived WAL.
  cat >>"$into/postgresql.auto.conf" <<CONF

# By restore.sh: the first start replays the archived WAL. Then: ALTER SYSTEM RESET each of these.
restore_command = 'sh lifeboat/wal/fetch "%f" "%p"; case \$? in 0) ;; 1) exit 1 ;; *) exit 126 ;; esac'
recovery_target_timeline = '$end_timeline'
recovery_target = ''
recovery_target_lsn = ''
recovery_target_name = ''
recovery_target_time = ''
recovery_target_xid = ''
recovery_target_action = 'promote'
recovery_min_apply_delay = '0'
archive_cleanup_command = ''
hot_standby = 'off'
CONF
  say "$component: $segments segments of archived WAL lie in $wal, up to $(lsn_text "$reached") on timeline $reached_on"
  say "$component: recovery.signal and postgresql.auto.conf make the first start replay them; its log then says: archive recovery complete"
}

# A server wants links in pg_tblspc. Those that it would make by the captured map lead to where the tablespaces were, and
# there another server may still have them.
place_tablespaces() {
  if [ -f "$into/tablespace_map" ]; then
    mkdir -p "$into/lifeboat"
    mv "$into/tablespace_map" "$into/lifeboat/tablespace_map"
  fi
  for each in "$into"/pg_tblspc/*; do
    oid=${each##*/}
    case $oid in *[!0-9]*) continue ;; esac
    [ -d "$each" ] && [ ! -L "$each" ] || continue
    if ! mkdir -p "$into.tablespaces" || [ -e "$into.tablespaces/$oid" ] ||
      ! mv "$each" "$into.tablespaces/$oid" || ! ln -s "$into.tablespaces/$oid" "$each"; then
      fail "tablespace $oid lies in $each: move it out of the data directory and put a link there"
      continue
    fi
    say "$component: tablespace $oid lies in $into.tablespaces/$oid; lifeboat/tablespace_map says where it was"
  done
}

# What they led to stands in their places: on this host nothing else may be there.
fill_links() {
  while read -r what word goal <&3; do
    [ "$what" = link ] || continue
    decode_name name "$word"
    decode_name target "$goal"
    [ ! -e "$into/$name" ] || continue
    make_parent
    if [ ! -e "$into/lifeboat/config$target" ]; then
      fail "$(shown_name "$word") was a link to $(shown_name "$goal"), which this point does not hold: the server needs it"
    elif quietly cp -R "$into/lifeboat/config$target" "$into/$name"; then
      say "$component: $(shown_name "$word") was a link to $(shown_name "$goal"); it comes back with what was there"
    else
      failures=$((failures + 1))
    fi
  done 3<"$work/said"
}

# Its words are those of restore_wal.
finish_database() {
  if [ "$has_chain" = true ] || [ "$all_wal" = true ]; then restore_wal "$@"; fi
  place_tablespaces
  fill_links
  if [ -n "$root_owner" ] && [ "$is_root" = true ]; then
    for each in "$into/lifeboat" "$into/recovery.signal" "$into/postgresql.auto.conf" "$into.tablespaces"; do
      [ ! -e "$each" ] || chown -R "$root_owner" "$each"
    done
    for each in "$into"/pg_tblspc/*; do [ ! -L "$each" ] || chown -h "$root_owner" "$each"; done
    while read -r what word goal <&3; do
      [ "$what" = link ] || continue
      decode_name name "$word"
      [ ! -e "$into/$name" ] || chown -R "$root_owner" "$into/$name"
    done 3<"$work/said"
  fi
  [ ! -d "$into/lifeboat/config" ] ||
    say "$component: configuration from outside the data directory lies in lifeboat/config, below the paths it had"
}

# ---- restore ----

# The words of jq_manifest: component, kind, index and its SHA-256, bytes, whether it has a chain, and those of restore_wal;
# before them a folder.
restore_component() {
  into=$1 component=$2 component_kind=$3 index_id=$4 index_sum=$5 component_bytes=$6 has_chain=$7
  shift 7
  if [ -e "$into" ] && [ -n "$(ls -A "$into")" ]; then die "$into is not empty"; fi
  say "restoring $component into $into"
  say_notes "$component"
  read_index "$index_id" "$index_sum" && plan_entries "$index_id" || return 0
  # Not our umask: the user of an engine must be able to come to its folder.
  (umask 022 && mkdir -p "${into%/*}/")
  [ -d "$into" ] || mkdir "$into"
  stage=$(mktemp -d "$into/.lifeboat-restore.XXXXXX")
  failures=0 lost=0 untimed=0 attributes_noted=0 root_owner=
  rm -f "$work/facts.json"
  : >"$work/attributes"
  make_folders
  cd "$stage"
  write_files
  cd "$work"
  make_links
  read_facts
  if [ "$component_kind" = postgres ]; then finish_database "$@"; fi
  finish_folders
  rm -rf "$stage"
  stage=
  finish_own_folder
  [ "$failures" = 0 ] || fail "$failures files could not be restored"
  if [ "$untimed" != 0 ]; then
    say "$component: $untimed times were not restored: this script sets those of the years 1 to 9999 that touch of this host takes"
    miss times
  fi
  [ "$lost" != 0 ] || return 0
  why='see above'
  if [ "$has_setfattr" = false ]; then why='setfattr is not installed (package attr)'; fi
  say "$component: $lost extended attributes and ACLs were not restored: $why"
  miss 'extended attributes and ACLs'
}

# What the programs of this host can do.
look_at_tools() {
  printf abcdef >"$work/probe"
  has_dd=false
  if [ "$(dd if="$work/probe" bs=4 iflag=fullblock,skip_bytes,count_bytes skip=1 count=4 2>/dev/null)" = bcde ]; then has_dd=true; fi
  # Some keep of the first file what spoils the codes of others.
  has_many=false
  two=$(openssl dgst -sha256 -mac HMAC -macopt hexkey:00 -r "$work/probe" "$work/probe" 2>/dev/null) || two=
  one=bbeada616553a552e7b9f2550fe797557cd100cf1d4b9f75ad7c8cea445ce3c2
  case $two in "$one "*"$nl$one "*) has_many=true ;; esac
}

# The same of what only a restore needs.
look_at_more_tools() {
  has_fractions=false
  if touch -d 1969-12-31T23:59:58.250000000Z "$work/probe" 2>/dev/null; then has_fractions=true; fi
  has_link_times=false
  ln -s nothing "$work/probe.link"
  if set_time 1969_12_31_23_59_58_250000000 -h "$work/probe.link" 2>/dev/null; then has_link_times=true; fi
  # The setfattr of BusyBox cannot read a list.
  has_setfattr=false
  case $(setfattr --help 2>&1) in *--restore*) has_setfattr=true ;; esac
  is_root=false
  if [ "$(id -u)" = 0 ]; then is_root=true; fi
}

restore_point() {
  open_manifest "$1"
  look_at_more_tools
  failed=0
  : >"$work/missed"
  target=$3
  case $target in /*) ;; *) target=$here/$target ;; esac
  state=$(state_of "$1")
  case $state in
  failed | quarantined) say "warning: the verification of this point says: $state" ;;
  doubtful) say 'warning: a verification of this point failed, here or where this is copied from, and its proof is not here' ;;
  esac
  read_ids
  found=false
  while read -r what component rest <&7; do
    [ "$what" = component ] || continue
    if [ "$2" != all ] && [ "$2" != "$component" ]; then continue; fi
    found=true
    folder=$target
    if [ "$2" = all ]; then folder=$target/$component; fi
    # In a shell of its own: whatever ends it, the others are restored.
    set +e
    (
      set -e
      trap '[ -z "$stage" ] || rm -rf "$stage"' EXIT
      trap 'exit 130' INT TERM
      # shellcheck disable=SC2086
      restore_component "$folder" "$component" $rest
      [ "$failed" = 0 ] || exit 1
    )
    [ $? = 0 ] || failed=1
    set -e
  done 7<"$work/told"
  [ "$found" = true ] || [ "$2" = all ] ||
    die "recovery point $1 has no component $2; it has: $(sed -n 's/^component \([^ ]*\) .*/\1/p' "$work/told" | tr '\n' ' ')"
  [ "$has_fractions" = true ] || say 'times have whole seconds: touch of this host takes no fractions'
  [ "$failed" = 0 ] || die 'not everything could be restored: see above'
  missed=
  for each in owners modes times 'extended attributes and ACLs'; do
    ! grep -qxF "$each" "$work/missed" || missed=${missed:+$missed, }$each
  done
  if [ -z "$missed" ]; then say 'everything was restored and verified'; else
    say "all contents were restored and verified; $missed were not, or not all"
  fi
}

while getopts hk:p:r:w option; do
  case $option in
  k) key_file=$OPTARG ;;
  p) passphrase_file=$OPTARG ;;
  r) repository=$OPTARG ;;
  w) all_wal=true ;;
  h) usage 0 ;;
  *) usage ;;
  esac
done
shift $((OPTIND - 1))
for file in "$key_file" "$passphrase_file"; do
  [ -z "$file" ] || { [ -r "$file" ] && [ ! -d "$file" ]; } || die "$file cannot be read"
done
for tool in jq zstd openssl od awk; do
  command -v "$tool" >/dev/null || die "$tool is needed and not installed"
done
case $(openssl version) in 'OpenSSL 3'* | 'OpenSSL 4'*) ;; *) die 'openssl 3 is needed' ;; esac
here=$PWD
repository=$(cd -- "$repository" && pwd) || die 'there is no such folder'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
work=$(cd "$work" && pwd)
mkdir "$work/many"
# For awk.
export work repository
look_at_tools

case ${1:-} in
list)
  [ $# = 1 ] || usage
  open_repository
  list_points
  ;;
show)
  [ $# = 2 ] || usage
  open_repository
  show_point "$2"
  ;;
restore)
  [ $# = 4 ] || usage
  open_repository
  restore_point "$2" "$3" "$4"
  ;;
*) usage ;;
esac
