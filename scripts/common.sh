# Sourced by the scripts of this folder. `root` is the project's, where Python finds our code, for none of it is installed;
# --help prints what a script says of itself at its beginning.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

for argument in "$@"; do
    case "$argument" in
        -h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; exit ;;
        --version) sed -n 's/^__version__ = "\(.*\)"/transcodex \1/p' "$root/addons/__init__.py"; exit ;;
        --) break ;;
    esac
done
