//! Writes calls and their arguments.

use minijinja::machinery::ast::{Call, CallArg, Expr};

use super::{Done, Writer};
use crate::env::Known;
use crate::refs::start;

impl Writer<'_> {
    pub(super) fn call(&mut self, call: &Call<'_>) -> Done {
        self.mark(start(&call.expr));
        match &call.expr {
            Expr::Var(var) if !self.callable.iter().any(|name| name == var.id) => {
                let known = Known::functions().resolve(var.id);
                known.map_err(|e| e.at(var.span().start_offset as usize))?;
                self.put(var.id);
            }
            other => self.primary(other)?,
        }
        self.put("(");
        // `loop.changed` compares with what it was given before, which no meter sees.
        let compares = matches!(&call.expr, Expr::GetAttr(get) if get.name == "changed");
        self.arg_list(&call.args, compares)?;
        self.put(")");
        Ok(())
    }

    pub(super) fn args(&mut self, args: &[CallArg<'_>], forgiving: bool) -> Done {
        if args.is_empty() {
            return Ok(());
        }
        self.put("(");
        for (index, arg) in args.iter().enumerate() {
            self.comma(index);
            match arg {
                CallArg::Pos(expr) => self.guarded(expr, forgiving)?,
                CallArg::Kwarg(name, expr) => {
                    self.put(name);
                    self.put("=");
                    self.guarded(expr, forgiving)?;
                }
                _ => self.arg(arg, false)?,
            }
        }
        self.put(")");
        Ok(())
    }

    pub(super) fn arg_list(&mut self, args: &[CallArg<'_>], touch: bool) -> Done {
        for (index, arg) in args.iter().enumerate() {
            self.comma(index);
            self.arg(arg, touch)?;
        }
        Ok(())
    }

    fn arg(&mut self, arg: &CallArg<'_>, touch: bool) -> Done {
        let (prefix, expr, touch) = match arg {
            CallArg::Pos(expr) => (String::new(), expr, touch),
            CallArg::Kwarg(name, expr) => (format!("{name}="), expr, touch),
            CallArg::PosSplat(expr) => ("*".to_owned(), expr, true),
            CallArg::KwargSplat(expr) => ("**".to_owned(), expr, true),
        };
        self.put(&prefix);
        self.expr(expr)?;
        self.put(if touch { "|op.touch" } else { "" });
        Ok(())
    }
}
