//! The name of a message's kind, read off any serializable value: the innermost leading enum variant.
use serde::ser::{self, Impossible, Serialize, Serializer};

/// The name of `value`'s kind: of `Any::Raft(Msg::AppendEntries { .. })`, `append_entries`.
///
/// Follows newtype variants inward and stops at the first variant that carries anything else; of a tuple, the first
/// part gives the name if it is an enum. A value that is no enum is named by its type, a primitive by `value`. Costs a few nanoseconds: nothing inside
/// the variant is looked at.
pub fn label<T: Serialize + ?Sized>(value: &T) -> &'static str {
    match value.serialize(Namer { outer: None }) {
        Err(Found(name)) => name,
        Ok(never) => match never {},
    }
}

/// The name travels as an error, which ends serialization at once.
#[derive(Debug)]
struct Found(&'static str);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
impl std::error::Error for Found {}
impl ser::Error for Found {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self("value")
    }
}

enum Never {}

/// `outer`: the variant this value is inside of, if any; it names whatever is no variant itself.
struct Namer {
    outer: Option<&'static str>,
}

impl Namer {
    fn found(self, own: &'static str) -> Result<Never, Found> {
        Err(Found(self.outer.unwrap_or(own)))
    }
}

macro_rules! plain {
    ($($method:ident($ty:ty)),* $(,)?) => {
        $(fn $method(self, _: $ty) -> Result<Never, Found> { self.found("value") })*
    };
}

impl Serializer for Namer {
    type Ok = Never;
    type Error = Found;
    type SerializeSeq = Impossible<Never, Found>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<Never, Found>;
    type SerializeTupleVariant = Impossible<Never, Found>;
    type SerializeMap = Impossible<Never, Found>;
    type SerializeStruct = Impossible<Never, Found>;
    type SerializeStructVariant = Impossible<Never, Found>;

    plain! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_f32(f32),
        serialize_f64(f64), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
    }
    fn serialize_none(self) -> Result<Never, Found> {
        self.found("none")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Never, Found> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Never, Found> {
        self.found("unit")
    }
    fn serialize_unit_struct(self, name: &'static str) -> Result<Never, Found> {
        self.found(name)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Never, Found> {
        Err(Found(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: &T,
    ) -> Result<Never, Found> {
        self.found(name)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Never, Found> {
        value.serialize(Namer { outer: Some(variant) })
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Found> {
        Err(Found(self.outer.unwrap_or("value")))
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Found> {
        Ok(self)
    }
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Found> {
        Err(Found(self.outer.unwrap_or(name)))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Found> {
        Err(Found(variant))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Found> {
        Err(Found(self.outer.unwrap_or("value")))
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct, Found> {
        Err(Found(self.outer.unwrap_or(name)))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Found> {
        Err(Found(variant))
    }
}

impl ser::SerializeTuple for Namer {
    type Ok = Never;
    type Error = Found;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, first: &T) -> Result<(), Found> {
        match first.serialize(Self { outer: Some(self.outer.unwrap_or("value")) })? {}
    }
    fn end(self) -> Result<Never, Found> {
        self.found("value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Body(u8, u8);
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Inner {
        RequestVote { term: u64 },
        Ping(u32),
        Pair(Body),
        Both((u8, u8)),
        Tick,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Outer {
        Raft(Inner),
        Coloured((Inner, u8)),
    }

    #[test]
    fn the_innermost_leading_variant_names_a_message() {
        assert_eq!(label(&Outer::Raft(Inner::RequestVote { term: 1 })), "request_vote");
        assert_eq!(label(&Outer::Raft(Inner::Ping(7))), "ping");
        assert_eq!(label(&Outer::Raft(Inner::Pair(Body(1, 2)))), "pair");
        assert_eq!(label(&Outer::Raft(Inner::Tick)), "tick");
        assert_eq!(label(&Outer::Raft(Inner::Both((1, 2)))), "both");
        assert_eq!(label(&Outer::Coloured((Inner::Ping(7), 1))), "ping");
        assert_eq!(label(&(1, 2)), "value");
        assert_eq!(label(&Body(1, 2)), "Body");
        assert_eq!(label(&3u8), "value");
    }
}
