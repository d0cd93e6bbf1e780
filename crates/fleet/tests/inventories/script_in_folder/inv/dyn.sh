#!/bin/sh
echo '{"dyn": {"hosts": ["x1"]}, "all": {"vars": {"from": "script"}}, "_meta": {"hostvars": {}}}'
