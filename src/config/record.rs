//! One declaration of a mapping of the routes file - its keys with what they mean, their types and defaults - gives the
//! struct, its decoding with hints for wrong keys, and its JSON Schema. One door: `record!`.
//!
//! serde's derive is not used because it ends at the first error of a struct.

/// ```text
/// record! {
///     /// What the mapping is.
///     Name(r#"`{key: value}`"# /* an example for who wrote something else */) {
///         /// What the key means.
///         "key" field: Type = "default, only for the schema",
///     }
///     later ["keys of a version to come"]
///     guessed [("keys of other proxies, apart by blanks", "what to write")]
///     rule json!({"required": ["key"]})
/// }
/// ```
macro_rules! record {
    (
        $(#[doc = $about:literal])+
        $vis:vis $name:ident($example:literal) {
            $( $(#[doc = $doc:literal])+ $key:literal $field:ident : $type:ty $(= $default:literal)?, )+
        }
        later [$($later:literal),* $(,)?]
        guessed [$(($wrong:literal, $right:literal)),* $(,)?]
        rule $rule:expr
    ) => {
        $(#[doc = $about])+
        #[derive(Default)]
        $vis struct $name {
            $( $(#[doc = $doc])+ $vis $field: $crate::config::read::Field<$type>, )+
        }

        impl $name {
            /// In the order of the declaration.
            $vis const KEYS: &'static [&'static str] = &[$($key),+];
            /// Those of a version to come.
            $vis const LATER: &'static [&'static str] = &[$($later),*];
        }

        impl $crate::config::read::Decode for $name {
            fn decode<'n>(
                node: &'n $crate::config::file::Node<'n>,
                reader: &mut $crate::config::read::Reader<'n>,
            ) -> Option<Self> {
                let mut record = Self::default();
                for entry in reader.mapping(node, $example)? {
                    match &*entry.key {
                        $( $key => reader.field(entry, &mut record.$field), )+
                        _ => reader.unknown_key(entry, Self::KEYS, Self::LATER, &[$(($wrong, $right)),*]),
                    }
                }
                Some(record)
            }

            fn schema(definitions: &mut $crate::config::schema::Definitions) -> serde_json::Value {
                definitions.record(stringify!($name), concat!($($about),+), $rule, |definitions, properties| {
                    $( properties.add(
                        $key,
                        concat!($($doc),+),
                        <$type as $crate::config::read::Decode>::schema(definitions),
                        [$($default)?].first().copied(),
                    ); )+
                })
            }
        }
    };
}

pub(super) use record;
