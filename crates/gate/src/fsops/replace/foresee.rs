//! The same replacement in what is forecast, where no power can be cut.

use std::{
    io::{self, Read},
    path::Path,
};

use super::{Fresh, Perms, Replace, temp_name};
use crate::{Context, Error, Forecast, forecast::Held};

impl Replace<'_> {
    pub(super) fn foresee(
        &self,
        content: Fresh<'_>,
        forecast: &Forecast,
        cx: &Context<'_>,
    ) -> Result<String, Error> {
        cx.alive()?;
        let dir = self.dest.parent().unwrap_or(Path::new("/"));
        let temp = temp_name(dir);
        forecast.create_file(&temp, 0o600).map_err(Error::io("write in", dir))?;
        self.fill(content, &temp, forecast, cx).inspect_err(|_| drop(forecast.remove_file(&temp)))
    }

    fn fill(
        &self,
        content: Fresh<'_>,
        temp: &Path,
        forecast: &Forecast,
        cx: &Context<'_>,
    ) -> Result<String, Error> {
        let Perms { mut mode, must, may } = self.perms;
        for (must, (uid, gid), lent) in [(must.0, (may.0, None), 0o4000), (must.1, (None, may.1), 0o2000)] {
            if must.is_none() && (uid, gid) != (None, None) && forecast.set_owner(temp, uid, gid).is_err() {
                mode &= !lent;
            }
        }
        if must != (None, None) {
            let given = forecast.set_owner(temp, must.0, must.1);
            given.map_err(Error::io("change the owner of", self.dest))?;
        }
        forecast.set_mode(temp, mode).map_err(Error::io("change the mode of", self.dest))?;
        let (held, sum) = self.held(content, cx)?;
        forecast.fill(temp, held).map_err(Error::io("write", self.dest))?;
        (self.accept)(temp)?;
        forecast.rename(temp, self.dest).map_err(Error::io("replace", self.dest))?;
        Ok(sum)
    }

    fn held(&self, content: Fresh<'_>, cx: &Context<'_>) -> Result<(Held, String), Error> {
        let content = match content {
            Fresh::Known(sum, length) => return Ok((Held::known(sum, length), sum.to_owned())),
            Fresh::Read(content) => content,
        };
        Held::read(&mut Alive { content, cx }).map_err(|error| match cx.alive() {
            Ok(()) => Error::io("read the content for", self.dest)(error),
            Err(ended) => ended,
        })
    }
}

/// A content that is read for as long as the run goes on.
struct Alive<'a> {
    content: &'a mut dyn Read,
    cx: &'a Context<'a>,
}

impl Read for Alive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cx.alive().map_err(io::Error::other)?;
        self.content.read(buffer)
    }
}
