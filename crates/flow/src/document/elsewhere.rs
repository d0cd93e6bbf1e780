//! Keys that mean something in Ansible and nothing here: each with what to do instead.

use windlass_model::Code;
use windlass_yaml::{Map, Reader};

const PARTLY: &str = "say it in the inventory: `ansible_connection`, `ansible_user`";

const KEYS: &[(&str, &str)] = &[
    ("connection", PARTLY),
    ("remote_user", PARTLY),
    ("notify", "make a later step of it with `when: <registered>.changed`"),
    ("listen", "make a later step of it with `when: <registered>.changed`"),
    ("handlers", "make later steps of them with `when: <registered>.changed`"),
    ("roles", "include the files of their tasks: `include: { file: … }`"),
    ("pre_tasks", "put them into `tasks` and order them by `needs`"),
    ("post_tasks", "put them into `tasks` and order them by `needs`"),
    ("import_playbook", "include its tasks: `include: { file: … }`"),
    ("include_tasks", "write `include: { file: … }`"),
    ("import_tasks", "write `include: { file: … }`"),
    ("include_role", "include the file of its tasks: `include: { file: … }`"),
    ("import_role", "include the file of its tasks: `include: { file: … }`"),
    ("local_action", "write the word itself: steps run on this machine"),
    ("async", "tasks that do not need each other run at the same time; use `timeout` to bound one"),
    ("poll", "tasks that do not need each other run at the same time; use `timeout` to bound one"),
    ("throttle", "use `max_parallelism` of the policy or of a stage"),
    ("any_errors_fatal", "use `fail_fast` of the policy or of a stage"),
    ("check_mode", "run the whole document with `--check`"),
    ("diff", "run the whole document with `--diff`"),
    ("vars_files", "give them on the command line: `-e @file.yaml`"),
    ("vars_prompt", "give them on the command line: `-e name=value`"),
    ("with_dict", "use `loop: \"{{ … | dict2items }}\"`"),
    ("with_list", "use `loop`"),
    ("with_sequence", "use `loop: \"{{ range(1, 5) | list }}\"`"),
    ("with_together", "use `loop: \"{{ … | zip(…) | list }}\"`"),
    ("with_nested", "use `loop: \"{{ … | product(…) | list }}\"`"),
    ("with_subelements", "use `loop: \"{{ … | subelements(…) }}\"`"),
    ("with_fileglob", "register what a command finds, and loop over it"),
];

/// Refuses keys of Ansible's that have no meaning here.
pub(super) fn refuse(reader: &Reader, map: &mut Map<'_, '_>) {
    for (key, hint) in KEYS {
        if let Some(span) = map.key_span(key) {
            reader.note(reader.problem(Code::NotYet, span, format!("`{key}` is not supported")).hint(*hint));
            map.node(key);
        }
    }
}

/// What to do instead of a word of Ansible's.
pub(super) fn known(key: &str) -> bool {
    KEYS.iter().any(|(name, _)| *name == key)
}
