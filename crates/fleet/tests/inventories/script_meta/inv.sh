#!/bin/sh
if [ "$1" = --list ]; then cat <<'EOF'
{"web": {"hosts": ["s1", "s2"], "vars": {"v": 1, "t": "{{ x }}"}, "children": ["sub"]},
 "sub": {"hosts": ["s3"]},
 "simple": ["s4", "s1"],
 "lonely": {"lonely_var": 1},
 "empty": {"hosts": []},
 "_meta": {"hostvars": {"s1": {"a": 1, "yes": true}, "s3": {"b": [1, null]}, "stranger": {"c": 1}}}}
EOF
else exit 3; fi
