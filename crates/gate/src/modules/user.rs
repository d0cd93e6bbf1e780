//! `user`: makes, changes and removes users.

mod add;
mod change;
pub(super) mod home;
mod key;
mod password;

use std::path::Path;

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec, accounts,
    tool::{Said, Tool},
};

pub(super) struct User;

static SPEC: Spec = Spec {
    name: "user",
    summary: "Makes, changes and removes users.",
    params: &[
        Param::new("name", Kind::Str, "The user.").required().aliases(&["user"]),
        Param::new("state", Kind::Str, "Whether it is to be there.")
            .default("\"present\"")
            .choices(&["absent", "present"]),
        Param::new("uid", Kind::Int, "Its number."),
        Param::new("non_unique", Kind::Bool, "Whether another user may have the same number.").default("false"),
        Param::new("group", Kind::Str, "Its primary group."),
        Param::new("groups", Kind::List(&Kind::Str), "Its other groups."),
        Param::new("append", Kind::Bool, "Whether it stays in groups that are not named.").default("false"),
        Param::new("comment", Kind::Str, "Who it is."),
        Param::new("home", Kind::Path, "Its home folder."),
        Param::new("create_home", Kind::Bool, "Whether a home folder that is missing is made.")
            .default("true")
            .aliases(&["createhome"]),
        Param::new("move_home", Kind::Bool, "Whether what lies in the old home folder moves to a new one.")
            .default("false"),
        Param::new("skeleton", Kind::Str, "What a new home folder begins with."),
        Param::new("umask", Kind::Str, "What a new home folder does not allow."),
        Param::new("shell", Kind::Path, "Its shell."),
        Param::new("password", Kind::Str, "The hash of its password, as in `/etc/shadow`."),
        Param::new("update_password", Kind::Str, "Whether the password of a user that is there is set.")
            .default("\"always\"")
            .choices(&["always", "on_create"]),
        Param::new("password_lock", Kind::Bool, "Whether no password opens the account."),
        Param::new("password_expire_min", Kind::Int, "How many days a password is kept at least."),
        Param::new("password_expire_max", Kind::Int, "How many days a password is good for."),
        Param::new("password_expire_warn", Kind::Int, "How many days before its end there is a warning."),
        Param::new("password_expire_account_disable", Kind::Int, "How many days after that the account ends."),
        Param::new("expires", Kind::Float, "When the account ends, in seconds since 1970; never if negative."),
        Param::new("system", Kind::Bool, "Whether a new user gets a number for system users.").default("false"),
        Param::new("uid_min", Kind::Int, "The lowest number that a new user may get."),
        Param::new("uid_max", Kind::Int, "The highest number that a new user may get."),
        Param::new("seuser", Kind::Str, "Its user of SELinux."),
        Param::new("local", Kind::Bool, "Whether only the host's own files are looked at.").default("false"),
        Param::new("force", Kind::Bool, "Whether a user goes while it is logged in, and keys are made anew.")
            .default("false"),
        Param::new("remove", Kind::Bool, "Whether its home folder goes with it.").default("false"),
        Param::new("generate_ssh_key", Kind::Bool, "Whether it gets a key for SSH."),
        Param::new("ssh_key_bits", Kind::Int, "How long that key is; as long as is usual if 0.").default("0"),
        Param::new("ssh_key_type", Kind::Str, "What kind of key it is.").default("\"rsa\""),
        Param::new("ssh_key_file", Kind::Path, "Where the key lies, seen from its home folder."),
        Param::new("ssh_key_comment", Kind::Str, "What the key says of itself."),
        Param::new("ssh_key_passphrase", Kind::Str, "What opens the key."),
        Param::new("hidden", Kind::Bool, "Of no use on Linux."),
        Param::new("login_class", Kind::Str, "Of no use on Linux."),
        Param::new("profile", Kind::Str, "Of no use on Linux."),
        Param::new("authorization", Kind::Str, "Of no use on Linux."),
        Param::new("role", Kind::Str, "Of no use on Linux."),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for User {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        for param in ["umask", "uid_min", "uid_max"] {
            if args.bool("local") && args.has(param) {
                return Err(Error::Failed(format!("'{param}' can not be used with 'local'")));
            }
        }
        password::check(args)?;
        let account = Account { args, cx, name: args.str("name") };
        let reply = match (args.str("state"), account.find()?) {
            ("absent", None) => account.reply(false),
            ("absent", Some(_)) => account.delete()?,
            (_, None) => account.add()?,
            (_, Some(user)) => account.change(&user)?,
        };
        match account.find()? {
            Some(user) if !reply.failed && args.str("state") == "present" => account.rest(reply, &user),
            _ => Ok(reply),
        }
    }
}

/// The user that a run is about.
struct Account<'a> {
    args: &'a Args,
    cx: &'a Context<'a>,
    name: &'a str,
}

impl Account<'_> {
    fn find(&self) -> Result<Option<accounts::User>, Error> {
        accounts::user(self.name, self.args.bool("local"), self.cx)
    }

    fn reply(&self, changed: bool) -> Reply {
        let reply = Reply::changed(changed).with("name", self.name).with("state", self.args.str("state"));
        match password::warning(self.args) {
            Some(warning) => reply.with("warnings", vec![warning]),
            None => reply,
        }
    }

    /// Runs a program on the user. In check mode everything would go well.
    fn act(&self, tool: Tool) -> Result<Said, Error> {
        if self.cx.checks() {
            accounts::foresee(tool.program(), tool.words(), self.name, self.cx)?;
            return Ok(Said { rc: 0, out: String::new(), err: String::new() });
        }
        tool.whole().arg("--").arg(self.name).run(self.cx)
    }

    fn failed(&self, said: &Said) -> Reply {
        Reply::failed(said.why()).with("name", self.name).with("rc", said.rc)
    }

    fn delete(&self) -> Result<Reply, Error> {
        let mut tool = Tool::new("userdel");
        tool = tool.args(self.args.bool("force").then_some("-f")).args(self.args.bool("remove").then_some("-r"));
        let said = self.act(tool)?;
        if !said.ok() {
            return Ok(self.failed(&said));
        }
        let reply = self.reply(true).with("force", self.args.bool("force"));
        Ok(super::group::heard(reply.with("remove", self.args.bool("remove")), said))
    }

    fn add(&self) -> Result<Reply, Error> {
        let tool = add::tool(self)?;
        if let Some(home) = self.args.path("home").filter(|_| self.args.bool("create_home")) {
            home::parents(Path::new(home), self.cx)?;
        }
        let said = self.act(tool)?;
        if !said.ok() {
            return Ok(self.failed(&said));
        }
        let mut reply = self.reply(true).with("system", self.args.bool("system"));
        reply = super::group::heard(reply.with("create_home", self.args.bool("create_home")), said);
        match self.args.opt_str("password") {
            Some(_) => password::set(self, reply),
            None => Ok(reply),
        }
    }

    fn change(&self, user: &accounts::User) -> Result<Reply, Error> {
        let plan = change::plan(self, user)?;
        let mut reply = self.reply(plan.changes());
        if let Some(gid) = plan.own_group {
            let said = self.act(Tool::new("groupadd").args(["-g".to_owned(), gid.to_string()]))?;
            if !said.ok() {
                return Ok(self.failed(&said));
            }
        }
        if !plan.words.is_empty() {
            let said = self.act(Tool::new("usermod").args(plan.words))?;
            if !said.ok() {
                return Ok(self.failed(&said));
            }
            reply = super::group::heard(reply, said);
        }
        reply = reply.with("append", self.args.bool("append")).with("move_home", self.args.bool("move_home"));
        match plan.password {
            true => password::set(self, reply),
            false if self.args.has("password") => Ok(reply.with("password", password::HIDDEN)),
            false => Ok(reply),
        }
    }

    /// What follows once the user is there: how it is, its home folder, its key, and its password's time.
    fn rest(&self, mut reply: Reply, user: &accounts::User) -> Result<Reply, Error> {
        reply = reply
            .with("uid", user.uid)
            .with("group", user.gid)
            .with("comment", user.comment.as_str())
            .with("home", user.home.as_str())
            .with("shell", user.shell.as_str());
        if self.args.has("groups") {
            reply = reply.with("groups", self.args.strs("groups").join(","));
        }
        let home = Path::new(self.args.path("home").unwrap_or(&user.home));
        if self.args.bool("create_home") && !self.cx.fs().exists(home) {
            reply.changed = true;
            home::make(home, user, self.args.opt_str("skeleton"), self.cx)?;
        }
        if self.args.bool("generate_ssh_key") {
            reply = key::make(self, reply, user)?;
        }
        password::times(self, reply)
    }
}
