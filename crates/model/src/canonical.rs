//! Canonical JSON: no spaces, the members of every object sorted by name, so that one value has one text.
//!
//! A member is written behind those before it and then moved to its place among them: nothing but the text
//! itself is held in memory, however large a plan is. Members that come in order cost nothing to keep in it.

use serde::ser::{self, Error as _};
use serde::{Serialize, Serializer};
use serde_json::{Error, Result};

/// The canonical text of a value. It fails for maps whose keys are no texts.
pub(crate) fn to_vec(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut writer = Writer::default();
    value.serialize(&mut writer)?;
    Ok(writer.text)
}

/// Writes values one after another.
#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    /// The members of the objects that are open. An object's finished ones are sorted; the last may still be open.
    members: Vec<Member>,
    /// Whether something of the last string is escaped.
    escaped: bool,
}

/// A member in the text, as `"name":value,`.
struct Member {
    start: usize,
    /// How long its name is, as it stands between the quotes.
    name: usize,
    /// Whether something of its name is escaped.
    escaped: bool,
}

impl Member {
    fn name<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start + 1..][..self.name]
    }
}

/// Whether one name comes before another. That is decided by what they say: where something is escaped it differs
/// from what stands there.
fn before(text: &[u8], a: &Member, b: &Member) -> bool {
    let (one, other) = (a.name(text), b.name(text));
    if !a.escaped && !b.escaped {
        return one < other;
    }
    let said = |name: &[u8]| serde_json::from_slice::<String>(&[b"\"", name, b"\""].concat()).ok();
    said(one) < said(other)
}

impl Writer {
    /// What needs no rules of this format's own.
    fn plain(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        serde_json::to_writer(&mut self.text, value)
    }

    fn string(&mut self, text: &str) -> Result<()> {
        // All bytes are looked at, many at once, rather than one after another up to the first.
        let escapes = |found: bool, byte: u8| found | (byte < b' ') | (byte == b'"') | (byte == b'\\');
        self.escaped = text.bytes().fold(false, escapes);
        if self.escaped {
            return self.plain(text);
        }
        self.text.reserve(text.len() + 2);
        self.text.push(b'"');
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(b'"');
        Ok(())
    }

    /// Writes the name of a member that begins.
    fn name(&mut self, name: &(impl Serialize + ?Sized)) -> Result<()> {
        let start = self.text.len();
        self.escaped = false;
        name.serialize(&mut *self)?;
        match self.text.get(start) {
            Some(b'"') => {}
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => {
                self.text.insert(start, b'"');
                self.text.push(b'"');
            }
            _ => return Err(Error::custom("key must be a string")),
        }
        let name = self.text.len() - start - 2;
        self.members.push(Member { start, name, escaped: self.escaped });
        self.text.push(b':');
        Ok(())
    }

    /// Moves the last member to its place among those from number `first` on.
    fn place(&mut self, first: usize) {
        let text = &mut self.text;
        let (new, sorted) = self.members[first..].split_last_mut().expect("a member ends after it began");
        if sorted.last().is_none_or(|last| before(text, last, new)) {
            return;
        }
        let place = sorted.partition_point(|member| before(text, member, new));
        if let Some(next) = sorted.get(place) {
            let length = text.len() - new.start;
            new.start = next.start;
            text[new.start..].rotate_right(length);
            sorted[place..].iter_mut().for_each(|member| member.start += length);
            self.members[first + place..].rotate_right(1);
        }
    }

    fn list<'a>(&'a mut self, end: &'static [u8]) -> List<'a> {
        self.text.push(b'[');
        List { writer: self, end }
    }

    fn object<'a>(&'a mut self, end: &'static [u8]) -> Object<'a> {
        self.text.push(b'{');
        Object { first: self.members.len(), writer: self, last: "", end }
    }

    /// Ends what its items ended with a comma each.
    fn close(&mut self, end: &[u8]) {
        if self.text.last() == Some(&b',') {
            self.text.pop();
        }
        self.text.extend_from_slice(end);
    }
}

/// A list that is open.
struct List<'a> {
    writer: &'a mut Writer,
    end: &'static [u8],
}

impl List<'_> {
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        value.serialize(&mut *self.writer)?;
        self.writer.text.push(b',');
        Ok(())
    }
}

/// An object that is open.
struct Object<'a> {
    writer: &'a mut Writer,
    /// Where its members begin among those of all open objects.
    first: usize,
    /// Of fields, which are known by their names beforehand, the last in the order of names so far.
    last: &'static str,
    end: &'static [u8],
}

impl Object<'_> {
    fn field(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.writer.name(name)?;
        value.serialize(&mut *self.writer)?;
        self.writer.text.push(b',');
        match self.last < name {
            true => self.last = name,
            false => self.writer.place(self.first),
        }
        Ok(())
    }

    fn end(self) {
        self.writer.members.truncate(self.first);
        self.writer.close(self.end);
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<()> {
            self.plain(&value)
        }
    )*};
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    plain! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_bytes: &[u8],
    }

    fn serialize_char(self, letter: char) -> Result<()> {
        self.string(letter.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        self.string(text)
    }

    fn serialize_none(self) -> Result<()> {
        self.plain(&())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.plain(&())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.plain(&())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut object = self.object(b"}");
        object.field(variant, value)?;
        object.end();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>> {
        Ok(self.list(b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>> {
        Ok(self.list(b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>> {
        Ok(self.list(b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>> {
        // The only member of its object, which nobody has to keep in order.
        self.text.push(b'{');
        self.string(variant)?;
        self.text.push(b':');
        Ok(self.list(b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>> {
        Ok(self.object(b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>> {
        Ok(self.object(b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>> {
        self.text.push(b'{');
        self.string(variant)?;
        self.text.push(b':');
        Ok(self.object(b"}}"))
    }
}

macro_rules! lists {
    ($($trait:ident: $method:ident,)*) => {$(
        impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.item(value)
            }

            fn end(self) -> Result<()> {
                self.writer.close(self.end);
                Ok(())
            }
        }
    )*};
}

lists! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! structs {
    ($($trait:ident,)*) => {$(
        impl ser::$trait for Object<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<()> {
                Object::end(self);
                Ok(())
            }
        }
    )*};
}

structs! {
    SerializeStruct,
    SerializeStructVariant,
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<()> {
        self.writer.name(name)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(&mut *self.writer)?;
        self.writer.text.push(b',');
        self.writer.place(self.first);
        Ok(())
    }

    fn end(self) -> Result<()> {
        Object::end(self);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
