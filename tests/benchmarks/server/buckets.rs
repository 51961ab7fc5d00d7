//! Operations on buckets, and DeleteObjects.

use crate::handlers::{bad_request, no_such_bucket, refuse, Outcome};
use crate::http::{Request, Response, NO_CONTENT, OK};
use crate::memory::Body;
use crate::state::State;
use crate::text::{element, elements, escape, iso_time, NAMESPACE, XML_HEAD};

/// As many keys as S3 takes in one DeleteObjects.
const MOST_KEYS: usize = 1000;

pub fn list(state: &State) -> Outcome {
    state.count("ListBuckets");
    let mut names: Vec<String> = state.buckets.read().unwrap().keys().cloned().collect();
    names.sort();
    let created = iso_time(0);
    let entries: String = names
        .iter()
        .map(|name| format!("<Bucket><Name>{}</Name><CreationDate>{created}</CreationDate></Bucket>", escape(name)))
        .collect();
    let document = format!(
        "{XML_HEAD}<ListAllMyBucketsResult {NAMESPACE}><Owner><ID>bench</ID></Owner><Buckets>{entries}</Buckets></ListAllMyBucketsResult>"
    );
    Ok(Response::xml(OK, document))
}

pub fn create(state: &State, request: &Request) -> Outcome {
    state.count("CreateBucket");
    state.buckets.write().unwrap().entry(request.bucket.to_string()).or_default();
    Ok(Response::empty(OK))
}

pub fn head(state: &State, request: &Request) -> Outcome {
    state.count("HeadBucket");
    must_exist(state, request)?;
    Ok(Response::headers("x-amz-bucket-region: us-east-1\r\n".to_string()))
}

pub fn location(state: &State, request: &Request) -> Outcome {
    state.count("GetBucketLocation");
    must_exist(state, request)?;
    Ok(Response::xml(OK, format!("{XML_HEAD}<LocationConstraint {NAMESPACE}></LocationConstraint>")))
}

pub fn versioning(state: &State, request: &Request) -> Outcome {
    state.count("GetBucketVersioning");
    must_exist(state, request)?;
    Ok(Response::xml(OK, format!("{XML_HEAD}<VersioningConfiguration {NAMESPACE}></VersioningConfiguration>")))
}

pub fn delete(state: &State, request: &Request) -> Outcome {
    state.count("DeleteBucket");
    let mut buckets = state.buckets.write().unwrap();
    if !buckets.get(request.bucket).ok_or_else(no_such_bucket)?.is_empty() {
        return Err(refuse("409 Conflict", "BucketNotEmpty", "The bucket you tried to delete is not empty"));
    }
    buckets.remove(request.bucket);
    Ok(Response::empty(NO_CONTENT))
}

pub fn delete_objects(state: &State, request: &Request, body: &Body) -> Outcome {
    state.count("DeleteObjects");
    let text = String::from_utf8_lossy(&body.bytes()).into_owned();
    let keys: Vec<String> = elements(&text, "Object").iter().filter_map(|entry| element(entry, "Key")).collect();
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(bad_request("MalformedXML", format!("DeleteObjects takes 1 to {MOST_KEYS} keys, not {}.", keys.len())));
    }
    let removed: Vec<_> = {
        let mut buckets = state.buckets.write().unwrap();
        let bucket = buckets.get_mut(request.bucket).ok_or_else(no_such_bucket)?;
        keys.iter().map(|key| bucket.remove(key)).collect()
    };
    drop(removed);
    let quiet = element(&text, "Quiet").map_or(false, |value| value == "true");
    let told: String = match quiet {
        true => String::new(),
        false => keys.iter().map(|key| format!("<Deleted><Key>{}</Key></Deleted>", escape(key))).collect(),
    };
    Ok(Response::xml(OK, format!("{XML_HEAD}<DeleteResult {NAMESPACE}>{told}</DeleteResult>")))
}

fn must_exist(state: &State, request: &Request) -> Result<(), crate::handlers::Failure> {
    let exists = state.buckets.read().unwrap().contains_key(request.bucket);
    exists.then(|| ()).ok_or_else(no_such_bucket)
}
