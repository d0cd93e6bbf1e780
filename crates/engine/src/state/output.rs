//! Outputs of steps as types: what a step hands on has named fields, on both ends.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_model::Failure;

use super::view::{typed, untyped};

/// What a step of some kind hands on. It travels as fields of the step's result, so that documents read it
/// (`registered.cert_path`) and actions get the type back.
///
/// A type that implements this is a struct with named fields.
pub trait StepOutput: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it is called in messages.
    const NAME: &'static str;

    /// The fields, as they stand in a step's result.
    fn to_fields(&self) -> Result<Map<String, Value>, Failure> {
        match &*untyped(Self::NAME, self)? {
            Value::Object(fields) => Ok(fields.clone()),
            other => Ok(Map::from_iter([("value".to_owned(), other.clone())])),
        }
    }

    /// Takes it out of a step's result, which may have other fields as well.
    fn from_result(result: &Value) -> Result<Self, Failure> {
        typed(Self::NAME, result)
    }
}

macro_rules! outputs {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal {
        $($(#[doc = $field_doc:literal])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[doc = $field_doc])* #[serde(default)] pub $field: $kind,)*
        }

        impl StepOutput for $name {
            const NAME: &'static str = $text;
        }
    )*};
}

outputs! {
    /// Something was downloaded.
    Download = "download" {
        /// Where it lies.
        download_path: String,
        /// Its checksum, in hexadecimal.
        checksum: String,
        /// The checksum's kind: `sha256`, ….
        checksum_type: String,
        /// The archive's file name.
        archive_name: String,
    }
    /// An archive was extracted.
    Extract = "extract" {
        /// Where its content lies.
        extracted_path: String,
        /// Where the archive lies.
        archive_path: String,
    }
    /// A certificate was made.
    Certificate = "certificate" {
        /// Where the certificate lies.
        cert_path: String,
        /// Where its key lies.
        key_path: String,
        /// Where the authority's certificate lies.
        ca_path: String,
    }
    /// A service was set up.
    Service = "service" {
        /// Its name.
        service_name: String,
        /// Where its unit lies.
        service_path: String,
        /// Where its configuration lies.
        config_path: String,
        /// Whether it runs.
        is_active: bool,
        /// Whether it starts with the system.
        is_enabled: bool,
    }
    /// A chart was installed.
    Helm = "helm" {
        /// The release.
        release_name: String,
        /// Its namespace.
        namespace: String,
        /// Where the chart lies.
        chart_path: String,
        /// Where its values lie.
        values_path: String,
    }
    /// A cluster can be reached.
    Kubernetes = "kubernetes" {
        /// Where the configuration for it lies.
        kubeconfig_path: String,
        /// The context in it.
        context_name: String,
        /// The namespace.
        namespace: String,
    }
    /// A network interface was set up.
    Network = "network" {
        /// The interface.
        interface_name: String,
        /// Its address.
        ip_address: String,
        /// Its network's mask.
        subnet_mask: String,
        /// The way out.
        gateway: String,
        /// The name servers.
        dns: Vec<String>,
    }
    /// A volume was set up.
    Storage = "storage" {
        /// The volume.
        volume_path: String,
        /// Where it is mounted.
        mount_path: String,
        /// Its file system.
        filesystem: String,
        /// Its size, as people write it.
        size: String,
    }
}
