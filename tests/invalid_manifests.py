"""Manifests that must be refused, with the field and the fix that the refusal must name.

One table for two judges: the API server (control_plane/test_admission.py) and `datasync validate`
(cli/test_validate.py).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A manifest, the path of the field at fault, and words of the fix."""

    id: str
    text: str
    field: str
    fix: str


def manifest(kind: str, spec: str) -> str:
    """A whole manifest of a kind around its spec, which is given in YAML's flow style."""
    return (
        f"apiVersion: datasync.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: example}}\n"
        f"spec: {spec}\n"
    )


def agent(spec: str) -> str:
    """A DataSyncAgent."""
    return manifest("DataSyncAgent", spec)


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NODE_TERMS = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms"
POD_TERMS = f"spec.affinity.podAntiAffinity.{REQUIRED}"


def node_affinity(requirement: str) -> str:
    """A DataSyncAgent whose nodes have to fit one requirement."""
    terms = f"{{nodeSelectorTerms: [{{matchExpressions: [{requirement}]}}]}}"
    return agent(f"{{affinity: {{nodeAffinity: {{{REQUIRED}: {terms}}}}}}}")


def pod_affinity(selector: str) -> str:
    """A DataSyncAgent whose pods keep away from those that a label selector finds."""
    topology = "" if "topologyKey" in selector else ", topologyKey: zone"
    terms = f"[{{labelSelector: {selector}{topology}}}]"
    return agent(f"{{affinity: {{podAntiAffinity: {{{REQUIRED}: {terms}}}}}}}")


def location(spec: str) -> str:
    """A DataSyncLocation."""
    return manifest("DataSyncLocation", spec)


def nfs(spec: str) -> str:
    """A DataSyncLocation of type nfs."""
    return location(f"{{nfs: {spec}, agentRefs: [{{name: site}}]}}")


def smb(spec: str) -> str:
    """A DataSyncLocation of type smb."""
    return location(f"{{smb: {{server: nas, {spec}}}, agentRefs: [{{name: site}}]}}")


def efs(spec: str) -> str:
    """A DataSyncLocation of type efs with further fields."""
    return location(f"{{efs: {{fileSystemId: fs-01234567, {spec}}}}}")


def fsx(member: str, spec: str) -> str:
    """A DataSyncLocation of a member of FSx with further fields."""
    return location(f"{{{member}: {{dnsName: fs-01234567.fsx.example.com, {spec}}}}}")


def storage(spec: str) -> str:
    """A DataSyncLocation of type objectStorage."""
    return location(f"{{objectStorage: {{bucket: mirror, {spec}}}}}")


def bucket(name: str) -> str:
    """A DataSyncLocation of type objectStorage, with only its bucket's name in question."""
    return location(f"{{objectStorage: {{endpoint: 'https://s3.example.com', bucket: {name}}}}}")


def task(fields: str) -> str:
    """A DataSyncTask from nas to bucket with further fields."""
    return manifest(
        "DataSyncTask",
        f"{{sourceLocationRef: {{name: nas}}, destinationLocationRef: {{name: bucket}}, {fields}}}",
    )


def schedule(expression: str, more: str = "") -> str:
    """A DataSyncTask with a schedule."""
    return task(f"schedule: {{expression: '{expression}', {more}}}")


KEYS = "credentialsSecretRef: {name: keys}"
KERBEROS = (
    "{principal: backup@EXAMPLE.COM, keytabSecretRef: {name: keytab}, krb5ConfRef: {name: realm}}"
)
HTTPS = "endpoint: 'https://s3.example.com'"
RATE = "spec.options.bytesPerSecond"
PVC = "persistentVolumeClaim: {claimName: data"

CASES = (
    # DataSyncLocation: exactly one member, and who reaches it
    Case("no-member", location("{}"), "spec", "set exactly one of nfs, smb, objectStorage"),
    Case(
        "two-members",
        location(f"{{s3: {{bucket: mirror}}, {PVC}}}}}"),
        "spec",
        "set exactly one of nfs, smb, objectStorage",
    ),
    Case(
        "nfs-without-agents",
        location("{nfs: {server: nas, path: /export}}"),
        "spec.agentRefs",
        "name the DataSyncAgent that can reach the server",
    ),
    Case(
        "s3-with-agents",
        location("{s3: {bucket: mirror}, agentRefs: [{name: site}]}"),
        "spec.agentRefs",
        "name them on the location at the other end",
    ),
    Case(
        "nine-agents",
        location(
            "{nfs: {server: nas, path: /export}, agentRefs: ["
            + ", ".join(f"{{name: a{number}}}" for number in range(9))
            + "]}"
        ),
        "spec.agentRefs",
        "must have at most 8 items",
    ),
    Case(
        "agent-name-upper-case",
        location("{nfs: {server: nas, path: /export}, agentRefs: [{name: Site}]}"),
        "spec.agentRefs[0].name",
        "use lower-case letters",
    ),
    Case(
        "smb-without-agents",
        location(f"{{smb: {{server: nas, share: a, {KEYS}}}}}"),
        "spec.agentRefs",
        "name the DataSyncAgent that can reach the server",
    ),
    Case(
        "fsx-windows-with-agents",
        location(f"{{fsxWindows: {{dnsName: fs, {KEYS}}}, agentRefs: [{{name: site}}]}}"),
        "spec.agentRefs",
        "name them on the location at the other end",
    ),
    # paths and prefixes
    Case("nfs-path-relative", nfs("{server: nas, path: export}"), "spec.nfs.path", "from the root"),
    Case(
        "nfs-path-parent",
        nfs("{server: nas, path: /export/../etc}"),
        "spec.nfs.path",
        "name the folder itself",
    ),
    Case("nfs-path-missing", nfs("{server: nas}"), "spec.nfs.path", "Required value"),
    Case(
        "nfs-server-with-path",
        nfs("{server: 'nas:/export', path: /export}"),
        "spec.nfs.server",
        "write a DNS name or an IP address alone",
    ),
    Case(
        "nfs-unknown-version",
        nfs("{server: nas, path: /export, version: '4.1'}"),
        "spec.nfs.version",
        'supported values: "Automatic", "NFS3"',
    ),
    Case(
        "nfs-version-twice",
        nfs("{server: nas, path: /export, version: NFS4_1, mountOptions: [vers=3]}"),
        "spec.nfs.mountOptions",
        "remove vers= and nfsvers= here",
    ),
    Case(
        "mount-options-joined",
        nfs("{server: nas, path: /export, mountOptions: ['hard,nconnect=8']}"),
        "spec.nfs.mountOptions[0]",
        "write one an item",
    ),
    Case(
        "claim-path-parent",
        location(f"{{{PVC}, path: a/../../b}}}}"),
        "spec.persistentVolumeClaim.path",
        "name the folder itself",
    ),
    Case(
        "claim-read-only-text",
        location(f"{{{PVC}, readOnly: 'true'}}}}"),
        "spec.persistentVolumeClaim.readOnly",
        "must be of type boolean",
    ),
    Case(
        "prefix-parent",
        storage(f"{HTTPS}, prefix: a/.."),
        "spec.objectStorage.prefix",
        "name the folder itself",
    ),
    Case(
        "prefix-absolute",
        storage(f"{HTTPS}, prefix: /a"),
        "spec.objectStorage.prefix",
        "write it without",
    ),
    Case(
        "prefix-double-slash",
        location("{s3: {bucket: mirror, prefix: a//b}}"),
        "spec.s3.prefix",
        "must not contain '//'",
    ),
    # file systems of AWS
    Case(
        "efs-without-id", location("{efs: {path: /a}}"), "spec.efs.fileSystemId", "Required value"
    ),
    Case(
        "efs-arn",
        location("{efs: {fileSystemId: 'arn:aws:elasticfilesystem:eu-central-1:1:fs-01234567'}}"),
        "spec.efs.fileSystemId",
        "write it as `aws efs describe-file-systems` does",
    ),
    Case(
        "efs-access-point-as-arn",
        efs("accessPointId: 'access-point/fsap-01234567'"),
        "spec.efs.accessPointId",
        "write it as `aws efs describe-access-points` does",
    ),
    Case(
        "efs-access-point-in-the-clear",
        efs("accessPointId: fsap-01234567, inTransitEncryption: None"),
        "spec.efs.inTransitEncryption",
        "remove inTransitEncryption, or set it to TLS1_2",
    ),
    Case(
        "efs-iam-in-the-clear",
        efs("iam: true, inTransitEncryption: None"),
        "spec.efs.inTransitEncryption",
        "or set iam to false",
    ),
    Case(
        "efs-aws-spelling",
        efs("inTransitEncryption: NONE"),
        "spec.efs.inTransitEncryption",
        'supported values: "TLS1_2", "None"',
    ),
    Case("efs-path-relative", efs("path: a"), "spec.efs.path", "write it from the root"),
    Case("efs-path-parent", efs("path: /a/../b"), "spec.efs.path", "name the folder itself"),
    Case(
        "efs-path-colon",
        efs("path: '/a:b'"),
        "spec.efs.path",
        "rename the folder, or reach it through an access point",
    ),
    Case(
        "lustre-without-mount-name",
        fsx("fsxLustre", "path: /a"),
        "spec.fsxLustre.mountName",
        "Required value",
    ),
    Case(
        "lustre-mount-name-as-path",
        fsx("fsxLustre", "mountName: /fsx"),
        "spec.fsxLustre.mountName",
        "write what `aws fsx describe-file-systems` shows as MountName",
    ),
    Case(
        "lustre-mount-name-long",
        fsx("fsxLustre", "mountName: abcdefghi"),
        "spec.fsxLustre.mountName",
        "may not be more than 8",
    ),
    Case(
        "open-zfs-path",
        fsx("fsxOpenZfs", "path: /projects"),
        "spec.fsxOpenZfs.path",
        "must begin with /fsx",
    ),
    Case(
        "open-zfs-path-almost",
        fsx("fsxOpenZfs", "path: /fsxprojects"),
        "spec.fsxOpenZfs.path",
        "must begin with /fsx",
    ),
    Case(
        "ontap-root-volume",
        fsx("fsxOntap", "path: /"),
        "spec.fsxOntap.path",
        "name a volume's junction path, as in /vol1",
    ),
    Case(
        "ontap-without-path-and-share",
        fsx("fsxOntap", ""),
        "spec.fsxOntap.path",
        "to go by NFS, or smb, a share, to go by SMB",
    ),
    Case(
        "ontap-by-nfs-and-by-smb",
        fsx("fsxOntap", f"path: /vol1, smb: {{share: a, {KEYS}}}"),
        "spec.fsxOntap.path",
        "set either path",
    ),
    Case(
        "ontap-share-without-a-login",
        fsx("fsxOntap", "smb: {share: a}"),
        "spec.fsxOntap.smb.credentialsSecretRef",
        "NTLM needs a user and password",
    ),
    Case(
        "ontap-share-by-kerberos-and-address",
        location(
            "{fsxOntap: {dnsName: 10.0.0.1, smb: {share: a, authentication: Kerberos, "
            f"kerberos: {KERBEROS}}}}}}}"
        ),
        "spec.fsxOntap.dnsName",
        "write the server's DNS name",
    ),
    Case(
        "ontap-share-in-smb-1",
        fsx("fsxOntap", f"smb: {{share: a, version: SMB1, {KEYS}}}"),
        "spec.fsxOntap.smb.version",
        'supported values: "Automatic", "SMB2"',
    ),
    Case(
        "ontap-with-a-version",
        fsx("fsxOntap", "path: /vol1, version: NFS4_1"),
        "spec.fsxOntap.version",
        'unknown field "spec.fsxOntap.version"',
    ),
    # endpoints, buckets and credentials
    Case(
        "http-endpoint",
        storage("endpoint: 'http://minio:9000'"),
        "spec.objectStorage.endpoint",
        "set allowInsecure: true if that is intended",
    ),
    Case(
        "ftp-endpoint",
        storage("endpoint: 'ftp://minio:9000', allowInsecure: true"),
        "spec.objectStorage.endpoint",
        "write https://, host and port alone",
    ),
    Case(
        "endpoint-with-path",
        storage("endpoint: 'https://minio:9000/mirror'"),
        "spec.objectStorage.endpoint",
        "without a path",
    ),
    Case(
        "endpoint-with-password",
        storage("endpoint: 'https://key:secret@minio:9000'"),
        "spec.objectStorage.endpoint",
        "write https://, host and port alone",
    ),
    Case(
        "s3-http-endpoint",
        location("{s3: {bucket: mirror, endpoint: 'http://s3.example.com'}}"),
        "spec.s3.endpoint",
        "as in https://s3.example.com",
    ),
    Case(
        "s3-two-identities",
        location("{s3: {bucket: mirror, serviceAccountName: a, credentialsSecretRef: {name: b}}}"),
        "spec.s3.credentialsSecretRef",
        "set serviceAccountName or credentialsSecretRef, not both",
    ),
    Case(
        "secret-name",
        storage(f"{HTTPS}, credentialsSecretRef: {{name: My_Keys}}"),
        "spec.objectStorage.credentialsSecretRef.name",
        "use lower-case letters",
    ),
    Case(
        "bucket-upper-case",
        bucket("Mirror"),
        "spec.objectStorage.bucket",
        "use 3 to 63 lower-case letters",
    ),
    Case(
        "bucket-short", bucket("ab"), "spec.objectStorage.bucket", "should be at least 3 chars long"
    ),
    Case("bucket-number", bucket("12345"), "spec.objectStorage.bucket", "must be of type string"),
    Case(
        "signing-as-boolean",
        storage(f"{HTTPS}, payloadSigning: true"),
        "spec.objectStorage.payloadSigning",
        'supported values: "Automatic", "Always", "Never"',
    ),
    Case(
        "signing-for-s3",
        location("{s3: {bucket: mirror, payloadSigning: Always}}"),
        "spec.s3.payloadSigning",
        'unknown field "spec.s3.payloadSigning"',
    ),
    # SMB
    Case(
        "smb-without-secret",
        smb("share: a"),
        "spec.smb.credentialsSecretRef",
        "NTLM needs a user and password",
    ),
    Case(
        "smb-ntlm-with-principal",
        smb(f"share: a, kerberos: {KERBEROS}, {KEYS}"),
        "spec.smb.credentialsSecretRef",
        "kerberos only with authentication Kerberos",
    ),
    Case(
        "smb-share-with-path",
        smb(f"share: a/b, {KEYS}"),
        "spec.smb.share",
        "folders of it in path",
    ),
    Case(
        "smb-path-with-backslash",
        smb(f"share: a, path: 'b\\c', {KEYS}"),
        "spec.smb.path",
        "write folders with '/'",
    ),
    Case(
        "smb-path-parent",
        smb(f"share: a, path: b/../../c, {KEYS}"),
        "spec.smb.path",
        "name the folder itself",
    ),
    Case(
        "smb-authentication",
        smb(f"share: a, authentication: Basic, {KEYS}"),
        "spec.smb.authentication",
        'supported values: "NTLM", "Kerberos"',
    ),
    Case(
        "smb-kerberos-without-principal",
        smb("share: a, authentication: Kerberos"),
        "spec.smb.kerberos",
        "Kerberos needs a principal and its keytab",
    ),
    Case(
        "smb-kerberos-with-password",
        smb(f"share: a, authentication: Kerberos, kerberos: {KERBEROS}, {KEYS}"),
        "spec.smb.kerberos",
        "credentialsSecretRef only with authentication NTLM",
    ),
    Case(
        "smb-kerberos-by-address",
        location(
            "{smb: {server: 10.0.0.1, share: a, authentication: Kerberos, "
            f"kerberos: {KERBEROS}}}, agentRefs: [{{name: site}}]}}"
        ),
        "spec.smb.server",
        "write the server's DNS name",
    ),
    Case(
        "smb-kerberos-without-realm",
        smb(
            f"share: a, authentication: Kerberos, kerberos: {KERBEROS.replace('@EXAMPLE.COM', '')}"
        ),
        "spec.smb.kerberos.principal",
        "as in backup@EXAMPLE.COM",
    ),
    Case(
        "smb-version-1",
        smb(f"share: a, version: SMB1, {KEYS}"),
        "spec.smb.version",
        'supported values: "Automatic", "SMB2"',
    ),
    Case(
        "smb-2-encrypted",
        smb(f"share: a, version: SMB2, encryption: Required, {KEYS}"),
        "spec.smb.encryption",
        "set version to Automatic",
    ),
    Case(
        "smb-mounted-with-encryption-as-offered",
        smb(f"share: a, access: Mount, {KEYS}"),
        "spec.smb.encryption",
        "set encryption to Required or Off, or access to Direct",
    ),
    Case(
        "smb-mounted-with-kerberos",
        smb(
            "share: a, access: Mount, encryption: Required, authentication: Kerberos, "
            f"kerberos: {KERBEROS}"
        ),
        "spec.smb.authentication",
        "set authentication to NTLM, or access to Direct",
    ),
    Case(
        "smb-mounted-share-with-comma",
        smb(f"share: 'a,b', access: Mount, encryption: Required, {KEYS}"),
        "spec.smb.share",
        "share it under another name, or set access to Direct",
    ),
    Case(
        "smb-mounted-without-secret",
        smb("share: a, access: Mount, encryption: Required"),
        "spec.smb.credentialsSecretRef",
        "NTLM needs a user and password",
    ),
    Case(
        "smb-access",
        smb(f"share: a, access: Csi, {KEYS}"),
        "spec.smb.access",
        'supported values: "Direct", "Mount"',
    ),
    Case(
        "smb-port",
        smb(f"share: a, port: 70000, {KEYS}"),
        "spec.smb.port",
        "should be less than or equal to 65535",
    ),
    # what Amazon S3 alone has
    Case(
        "bucket-or-access-point",
        location("{s3: {bucket: 'arn:aws:s3:::mirror'}}"),
        "spec.s3.bucket",
        "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME",
    ),
    Case(
        "access-point-elsewhere",
        location(
            "{s3: {bucket: 'arn:aws:s3:eu-west-1:123456789012:accesspoint/logs', "
            "region: eu-west-3}}"
        ),
        "spec.s3.region",
        "set region to the one in its ARN",
    ),
    Case(
        "storage-class-of-s3",
        location("{s3: {bucket: mirror, storageClass: STANDARD_IA}}"),
        "spec.s3.storageClass",
        'supported values: "Standard", "StandardIA"',
    ),
    Case(
        "storage-class-of-object-storage",
        storage(f"{HTTPS}, storageClass: StandardIA"),
        "spec.objectStorage.storageClass",
        'unknown field "spec.objectStorage.storageClass"',
    ),
    Case(
        "key-without-kms",
        location("{s3: {bucket: mirror, encryption: {type: SSE_S3, kmsKeyId: alias/a}}}"),
        "spec.s3.encryption.kmsKeyId",
        "a key goes with type SSE_KMS",
    ),
    Case(
        "encryption-without-type",
        location("{s3: {bucket: mirror, encryption: {kmsKeyId: alias/a}}}"),
        "spec.s3.encryption.type",
        "Required value",
    ),
    Case(
        "encryption-of-s3",
        location("{s3: {bucket: mirror, encryption: {type: AES256}}}"),
        "spec.s3.encryption.type",
        'supported values: "SSE_S3", "SSE_KMS"',
    ),
    Case(
        "key-with-blanks",
        location("{s3: {bucket: mirror, encryption: {type: SSE_KMS, kmsKeyId: 'my key'}}}"),
        "spec.s3.encryption.kmsKeyId",
        "write its ARN, its id, or alias/NAME",
    ),
    Case(
        "owner-by-name",
        location("{s3: {bucket: mirror, expectedBucketOwner: company-team}}"),
        "spec.s3.expectedBucketOwner",
        "write its 12 digits",
    ),
    Case(
        "owner-as-number",
        location("{s3: {bucket: mirror, expectedBucketOwner: 123456789012}}"),
        "spec.s3.expectedBucketOwner",
        "must be of type string",
    ),
    Case(
        "role-by-name",
        location("{s3: {bucket: mirror, roleArn: archive-writer-of-us}}"),
        "spec.s3.roleArn",
        "write it as arn:aws:iam::ACCOUNT:role/NAME",
    ),
    Case(
        "payer-as-text",
        location("{s3: {bucket: mirror, requesterPays: 'yes'}}"),
        "spec.s3.requesterPays",
        "must be of type boolean",
    ),
    Case(
        "tags-in-awss-spelling",
        task("options: {objectTags: PRESERVE}"),
        "spec.options.objectTags",
        'supported values: "Preserve", "PreserveOnTransfer", "None"',
    ),
    # DataSyncTask: sides and options
    Case(
        "source-is-destination",
        manifest(
            "DataSyncTask",
            "{sourceLocationRef: {name: nas}, destinationLocationRef: {name: nas}}",
        ),
        "spec.destinationLocationRef",
        "name another destination",
    ),
    Case(
        "no-source",
        manifest("DataSyncTask", "{destinationLocationRef: {name: nas}}"),
        "spec.sourceLocationRef",
        "Required value",
    ),
    Case(
        "no-spec",
        "apiVersion: datasync.dev/v1alpha1\nkind: DataSyncTask\nmetadata: {name: example}\n",
        "spec",
        "Required value",
    ),
    Case(
        "all-and-remove",
        task("options: {transferMode: All, preserveDeletedFiles: Remove}"),
        "spec.options.preserveDeletedFiles",
        "use transferMode Changed, or preserveDeletedFiles Preserve",
    ),
    Case(
        "all-and-checksum",
        task("options: {transferMode: All, compareMode: Checksum}"),
        "spec.options.compareMode",
        "use transferMode Changed, or compareMode Properties",
    ),
    Case(
        "checksum-algorithm",
        task("options: {checksumAlgorithm: MD5}"),
        "spec.options.checksumAlgorithm",
        'supported values: "CRC64NVME", "CRC32C", "SHA256"',
    ),
    Case(
        "mtime-without-atime",
        task("options: {atime: None}"),
        "spec.options.atime",
        "mtime Preserve goes with atime BestEffort",
    ),
    Case(
        "atime-without-mtime",
        task("options: {mtime: None}"),
        "spec.options.atime",
        "mtime None with atime None",
    ),
    Case(
        "aws-spelling",
        task("options: {verifyMode: ONLY_FILES_TRANSFERRED}"),
        "spec.options.verifyMode",
        'supported values: "OnlyFilesTransferred", "PointInTimeConsistent", "None"',
    ),
    Case(
        "file-error-policy",
        task("options: {fileErrorPolicy: Ignore}"),
        "spec.options.fileErrorPolicy",
        'supported values: "Fail", "Tolerate"',
    ),
    Case("typo", task("optoins: {}"), "spec.optoins", 'unknown field "spec.optoins"'),
    Case(
        "nested-typo",
        task("options: {transfermode: All}"),
        "spec.options.transfermode",
        'unknown field "spec.options.transfermode"',
    ),
    *(
        Case(f"rate-{name}", task(f"options: {{bytesPerSecond: {value}}}"), RATE, fix)
        for name, value, fix in (
            ("zero", 0, "write -1 for unlimited"),
            ("negative", -2, "should be greater than or equal to -1"),
            ("huge", 10**15 + 1, "should be less than or equal to 1000000000000000"),
            ("unit", "10Mi", "must be of type integer"),
            ("fraction", 1.5, "must be of type integer"),
        )
    ),
    Case(
        "python-spelling",
        task("options: {transfer_mode: All}"),
        "spec.options.transfer_mode",
        'unknown field "spec.options.transfer_mode"',
    ),
    # filters
    Case(
        "include-relative",
        task("includes: [{value: '*.txt'}]"),
        "spec.includes[0].value",
        "every include pattern starts with '/'",
    ),
    Case(
        "include-inner-wildcard",
        task("includes: [{value: '/a*b'}]"),
        "spec.includes[0].value",
        "'*' only as its last character",
    ),
    Case(
        "include-second-relative",
        task("includes: [{value: '/a|b'}]"),
        "spec.includes[0].value",
        "every include pattern starts with '/'",
    ),
    Case(
        "exclude-word",
        task("excludes: [{value: tmp}]"),
        "spec.excludes[0].value",
        "every exclude pattern starts with '/'",
    ),
    Case(
        "exclude-empty-pattern",
        task("excludes: [{value: '*.tmp||/a'}]"),
        "spec.excludes[0].value",
        "every exclude pattern starts with '/'",
    ),
    Case(
        "exclude-empty",
        task("excludes: [{value: ''}]"),
        "spec.excludes[0].value",
        "should be at least 1 chars long",
    ),
    Case(
        "two-excludes",
        task("excludes: [{value: '*.tmp'}, {value: '*.bak'}]"),
        "spec.excludes",
        "must have at most 1 item",
    ),
    *(
        Case(
            f"glob-{name}",
            task(f"excludes: [{{filterType: Glob, value: {value}}}]"),
            "spec.excludes[0].value",
            fix,
        )
        for name, value, fix in (
            ("empty-pattern", "'*.tmp||b'", "names must not be empty"),
            ("empty-name", "'a//b'", "names must not be empty"),
            ("root", "/", "names must not be empty"),
            ("open-bracket", "'[a'", "brackets and braces must be closed"),
            ("open-brace", "'*.{a,b'", "brackets and braces must be closed"),
            ("stray-brace", "'a}'", r"write \ before"),
            ("nested-braces", "'{a,{b,c}}'", "stay out of braces"),
            ("slash-in-braces", "'{a/b,c}'", "stay out of braces"),
            ("escape-at-the-end", "'a\\'", r"write \ before"),
            ("taken-back", "'*.tmp|!keep.tmp'", "'!' does not take an exclude back"),
            ("nul", '"a\\0b"', "a path never holds a NUL"),
        )
    ),
    Case(
        "glob-as-simple-pattern",
        task("includes: [{value: '/*.{a,b}'}]"),
        "spec.includes[0].value",
        "filterType Glob can say more",
    ),
    Case(
        "filter-language",
        task("includes: [{filterType: Regex, value: /a}]"),
        "spec.includes[0].filterType",
        'supported values: "SimplePattern", "Glob"',
    ),
    Case(
        "hidden-files",
        task("options: {hiddenFiles: Skip}"),
        "spec.options.hiddenFiles",
        'supported values: "Include", "Exclude"',
    ),
    # file conditions
    *(
        Case(
            f"file-{name}", task(f"fileConditions: {{{text}}}"), f"spec.fileConditions.{field}", fix
        )
        for name, text, field, fix in (
            ("size-unit", "minSize: 10MB", "minSize", "write the bytes, or a number with a unit"),
            ("size-negative", "maxSize: -1", "maxSize", "write the bytes, or a number with a unit"),
            ("size-milli", "maxSize: 500m", "maxSize", "write the bytes, or a number with a unit"),
            ("age-unit", "minAge: 1w", "minAge", "write days, hours, minutes and seconds"),
            (
                "age-without-unit",
                "maxAge: '24'",
                "maxAge",
                "write days, hours, minutes and seconds",
            ),
            ("age-number", "maxAge: 24", "maxAge", "must be of type string"),
            ("age-empty", "minAge: ''", "minAge", "should be at least 1 chars long"),
            (
                "time-words",
                "modifiedAfter: yesterday",
                "modifiedAfter",
                "must be of type date-time",
            ),
            (
                "time-day",
                "modifiedAfter: '2026-01-31'",
                "modifiedAfter",
                "must be of type date-time",
            ),
            (
                "time-without-zone",
                "modifiedBefore: '2026-01-31T00:00:00'",
                "modifiedBefore",
                "must be of type date-time",
            ),
            (
                "time-of-no-calendar",
                "modifiedBefore: '2026-02-30T00:00:00Z'",
                "modifiedBefore",
                "must be of type date-time",
            ),
            ("sizes", "minSize: 1Mi, maxSize: 1M", "minSize", "write a smaller minSize"),
            ("sizes-in-bytes", "minSize: 11, maxSize: 10", "minSize", "write a smaller minSize"),
            ("sizes-mixed", "minSize: 1025, maxSize: 1Ki", "minSize", "write a smaller minSize"),
            ("ages", "minAge: 1d1s, maxAge: 24h", "minAge", "write a smaller minAge"),
            ("ages-in-days", "minAge: 2d, maxAge: 1d", "minAge", "write a smaller minAge"),
            (
                "times",
                "modifiedAfter: '2026-01-31T00:00:00Z', modifiedBefore: '2026-01-31T00:30:00+01:00'",
                "modifiedAfter",
                "write an earlier modifiedAfter",
            ),
        )
    ),
    # schedules
    *(
        Case(f"schedule-{name}", schedule(text), "spec.schedule.expression", "write cron(0 3 * *")
        for name, text in (
            ("four-fields", "cron(0 3 * *)"),
            ("words", "every day at three"),
            ("rate-zero", "rate(0 minutes)"),
            ("rate-one-plural", "rate(1 minutes)"),
            ("rate-two-singular", "rate(2 hour)"),
            ("rate-seconds", "rate(30 seconds)"),
            ("macro", "@daily"),
        )
    ),
    Case(
        "schedule-zone",
        schedule("rate(1 hour)", "timeZone: 'Berlin; Europe'"),
        "spec.schedule.timeZone",
        "use an IANA name such as Europe/Berlin",
    ),
    Case(
        "schedule-jitter",
        schedule("rate(1 hour)", "jitterSeconds: 86401"),
        "spec.schedule.jitterSeconds",
        "should be less than or equal to 86400",
    ),
    Case(
        "schedule-deadline",
        schedule("rate(1 hour)", "startingDeadlineSeconds: 1"),
        "spec.schedule.startingDeadlineSeconds",
        "should be greater than or equal to 10",
    ),
    Case(
        "schedule-without-expression",
        task("schedule: {timeZone: UTC}"),
        "spec.schedule.expression",
        "Required value",
    ),
    # numbers
    Case(
        "retry-negative",
        task("retry: {limit: -1}"),
        "spec.retry.limit",
        "should be greater than or equal to 0",
    ),
    Case("retry-text", task("retry: {limit: '3'}"), "spec.retry.limit", "must be of type integer"),
    Case(
        "history-negative",
        task("successfulExecutionsHistoryLimit: -1"),
        "spec.successfulExecutionsHistoryLimit",
        "should be greater than or equal to 0",
    ),
    Case(
        "deadline-zero",
        task("deadlineSeconds: 0"),
        "spec.deadlineSeconds",
        "should be greater than or equal to 1",
    ),
    *(
        Case(f"guard-{name}", task(f"guards: {{{field}: {value}}}"), f"spec.guards.{field}", fix)
        for name, field, value, fix in (
            ("share", "maxDeletePercent", 101, "should be less than or equal to 100"),
            ("negative-share", "maxDeletePercent", -1, "should be greater than or equal to 0"),
            ("share-text", "maxDeletePercent", "'50%'", "must be of type integer"),
            ("negative-files", "maxDeletedFiles", -1, "should be greater than or equal to 0"),
        )
    ),
    # logging
    Case(
        "log-level",
        task("options: {logLevel: Debug}"),
        "spec.options.logLevel",
        'supported values: "Off", "Basic", "Transfer"',
    ),
    Case(
        "agent-rate-zero",
        agent("{bytesPerSecond: 0}"),
        "spec.bytesPerSecond",
        "write -1 for unlimited",
    ),
    Case(
        "proxy-with-password",
        agent("{httpsProxy: 'http://me:secret@proxy.example.com:3128'}"),
        "spec.httpsProxy",
        "a password has no place here",
    ),
    Case(
        "proxy-without-scheme",
        agent("{httpsProxy: 'proxy.example.com:3128'}"),
        "spec.httpsProxy",
        "write scheme, host and port alone",
    ),
    Case(
        "no-proxy-alone",
        agent("{noProxy: .corp.example.com}"),
        "spec.noProxy",
        "set httpsProxy, or remove noProxy",
    ),
    Case(
        "no-proxy-with-blanks",
        agent("{httpsProxy: 'http://p:3128', noProxy: 'a.example.com, b.example.com'}"),
        "spec.noProxy",
        "with commas and without blanks",
    ),
    Case(
        "node-affinity-without-terms",
        agent(f"{{affinity: {{nodeAffinity: {{{REQUIRED}: {{nodeSelectorTerms: []}}}}}}}}"),
        f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms",
        "at least 1",
    ),
    Case(
        "node-affinity-in-nothing",
        node_affinity("{key: zone, operator: In}"),
        f"{NODE_TERMS}[0].matchExpressions[0].values",
        "name at least one",
    ),
    Case(
        "node-affinity-exists-with-values",
        node_affinity("{key: zone, operator: Exists, values: [a]}"),
        f"{NODE_TERMS}[0].matchExpressions[0].values",
        "remove values",
    ),
    Case(
        "node-affinity-greater-than-a-word",
        node_affinity("{key: cores, operator: Gt, values: [many]}"),
        f"{NODE_TERMS}[0].matchExpressions[0].values",
        "one whole number",
    ),
    Case(
        "node-affinity-with-a-key-of-blanks",
        node_affinity("{key: my zone, operator: Exists}"),
        f"{NODE_TERMS}[0].matchExpressions[0].key",
        "is not the key of a label",
    ),
    Case(
        "node-affinity-with-a-value-of-blanks",
        node_affinity("{key: zone, operator: In, values: [a, my zone!]}"),
        f"{NODE_TERMS}[0].matchExpressions[0].values[1]",
        "is not the value of a label",
    ),
    Case(
        "pod-affinity-with-a-key-without-a-name",
        pod_affinity("{matchLabels: {example.com/: db}}"),
        f"{POD_TERMS}[0].labelSelector.matchLabels",
        "has a key that is not the key of a label",
    ),
    Case(
        "pod-affinity-with-a-value-of-blanks",
        pod_affinity("{matchLabels: {app: my app!}}"),
        f"{POD_TERMS}[0].labelSelector.matchLabels[app]",
        "is not the value of a label",
    ),
    Case(
        "pod-affinity-with-a-topology-of-capitals",
        pod_affinity("{}, topologyKey: Example.com/zone"),
        f"{POD_TERMS}[0].topologyKey",
        "is not the key of a label",
    ),
    Case(
        "node-selector-with-a-value-that-ends-in-a-dash",
        agent("{nodeSelector: {zone: a-}}"),
        "spec.nodeSelector[zone]",
        "is not the value of a label",
    ),
    Case(
        "pod-labels-with-a-key-of-64-characters",
        agent(f"{{podLabels: {{{'a' * 64}: b}}}}"),
        "spec.podLabels",
        "at most 63",
    ),
    Case(
        "pod-affinity-without-topology",
        agent(f"{{affinity: {{podAntiAffinity: {{{REQUIRED}: [{{labelSelector: {{}}}}]}}}}}}"),
        f"spec.affinity.podAntiAffinity.{REQUIRED}[0].topologyKey",
        "Required value",
    ),
    Case(
        "queue-name-with-capitals",
        agent("{queueName: Batch}"),
        "spec.queueName",
        "is not the name of a LocalQueue",
    ),
    Case(
        "agent-ca-without-key",
        agent("{caBundle: {configMapKeyRef: {name: corp}}}"),
        "spec.caBundle.configMapKeyRef.key",
        "Required value",
    ),
    Case(
        "window-without-effect",
        schedule("rate(1 day)", "windows: [{from: '08:00', to: '18:00'}]"),
        "spec.schedule.windows[0]",
        "set what holds in the window",
    ),
    Case(
        "window-slow-and-paused",
        schedule(
            "rate(1 day)",
            "windows: [{from: '08:00', to: '18:00', bytesPerSecond: 1000, pause: true}]",
        ),
        "spec.schedule.windows[0]",
        "set what holds in the window",
    ),
    Case(
        "window-empty",
        schedule("rate(1 day)", "windows: [{from: '08:00', to: '08:00', pause: true}]"),
        "spec.schedule.windows[0].to",
        "write from '00:00' to '24:00'",
    ),
    Case(
        "window-days",
        schedule("rate(1 day)", "windows: [{days: 1-5, from: '08:00', to: '09:00', pause: true}]"),
        "spec.schedule.windows[0].days",
        "write Mon to Sun",
    ),
    Case(
        "window-time",
        schedule("rate(1 day)", "windows: [{from: '8:00', to: '09:00', pause: true}]"),
        "spec.schedule.windows[0].from",
        "write hours and minutes",
    ),
    Case(
        "window-rate-zero",
        schedule("rate(1 day)", "windows: [{from: '08:00', to: '09:00', bytesPerSecond: 0}]"),
        "spec.schedule.windows[0].bytesPerSecond",
        "write -1 for unlimited",
    ),
    Case(
        "run-after-no-name",
        task("runAfter: ['Export nightly']"),
        "spec.runAfter[0]",
        "use lower-case letters",
    ),
    Case("logging-nowhere", task("logging: {}"), "spec.logging.cloudWatch", "Required value"),
    Case(
        "logging-without-region",
        task("logging: {cloudWatch: {}}"),
        "spec.logging.cloudWatch.region",
        "Required value",
    ),
    Case(
        "logging-group",
        task("logging: {cloudWatch: {region: eu-west-1, logGroup: 'a:b'}}"),
        "spec.logging.cloudWatch.logGroup",
        "/aws/datasync",
    ),
    Case(
        "logging-prefix",
        task("logging: {cloudWatch: {region: eu-west-1, streamPrefix: 'a*'}}"),
        "spec.logging.cloudWatch.streamPrefix",
        "use letters, digits",
    ),
    Case(
        "logging-retention-of-a-foreign-group",
        task("logging: {cloudWatch: {region: eu-west-1, retentionDays: 7}}"),
        "spec.logging.cloudWatch.retentionDays",
        "set createLogGroup: true",
    ),
    Case(
        "logging-retention",
        task("logging: {cloudWatch: {region: eu-west-1, createLogGroup: true, retentionDays: 8}}"),
        "spec.logging.cloudWatch.retentionDays",
        '"7"',
    ),
    # report
    Case("report-nowhere", task("report: {}"), "spec.report", "exactly one of s3 and locationRef"),
    Case(
        "report-twice",
        task("report: {s3: {bucket: told}, locationRef: {name: told}}"),
        "spec.report",
        "exactly one of s3 and locationRef",
    ),
    Case(
        "report-into-the-destination",
        task("report: {locationRef: {name: bucket}}"),
        "spec.report",
        "name a location outside of both",
    ),
    Case(
        "report-levels-of-a-summary",
        task(
            "report: {s3: {bucket: told}, outputType: SummaryOnly, "
            "overrides: {deleted: {reportLevel: ErrorsOnly}}}"
        ),
        "spec.report.overrides",
        "set outputType: Standard",
    ),
    Case(
        "report-level",
        task("report: {s3: {bucket: told}, reportLevel: ERRORS_ONLY}"),
        "spec.report.reportLevel",
        'supported values: "ErrorsOnly", "SuccessesAndErrors"',
    ),
    # DataSyncTaskExecution
    *(
        Case(
            f"acknowledge-{name}",
            manifest("DataSyncTaskExecution", f"{{taskRef: {{name: a}}, acknowledge: {value}}}"),
            "spec.acknowledge",
            fix,
        )
        for name, value, fix in (
            ("word", "'yes'", "write the one in status.hold.token"),
            ("boolean", "true", "must be of type string"),
        )
    ),
    Case(
        "mode",
        manifest("DataSyncTaskExecution", "{taskRef: {name: a}, mode: Dry}"),
        "spec.mode",
        'supported values: "Transfer", "DryRun"',
    ),
    *(
        Case(
            f"override-{name}",
            manifest("DataSyncTaskExecution", f"{{taskRef: {{name: a}}, overrides: {overrides}}}"),
            f"spec.overrides.{field}",
            fix,
        )
        for name, overrides, field, fix in (
            (
                "all-and-remove",
                "{options: {transferMode: All, preserveDeletedFiles: Remove}}",
                "options.preserveDeletedFiles",
                "use transferMode Changed",
            ),
            ("mtime-alone", "{options: {mtime: None}}", "options.atime", "set mtime and atime"),
            (
                "mtime-and-atime",
                "{options: {mtime: None, atime: BestEffort}}",
                "options.atime",
                "set mtime and atime",
            ),
            (
                "option",
                "{options: {verifyMode: Some}}",
                "options.verifyMode",
                "supported values",
            ),
            ("rate", "{options: {bytesPerSecond: 0}}", "options.bytesPerSecond", "unlimited"),
            ("includes", "{includes: [{value: a}]}", "includes[0].value", "/"),
            (
                "report-twice",
                "{report: {s3: {bucket: told}, locationRef: {name: told}}}",
                "report",
                "set only one of s3 and locationRef; set none for no report",
            ),
            (
                "manifest-twice",
                "{manifest: {path: a, configMapKeyRef: {name: b, key: c}}}",
                "manifest",
                "set only one of configMapKeyRef, path and s3",
            ),
        )
    ),
    Case(
        "no-task",
        manifest("DataSyncTaskExecution", "{cancel: false}"),
        "spec.taskRef",
        "Required value",
    ),
    Case(
        "ttl-negative",
        manifest("DataSyncTaskExecution", "{taskRef: {name: a}, ttlSecondsAfterFinished: -1}"),
        "spec.ttlSecondsAfterFinished",
        "should be greater than or equal to 0",
    ),
    Case(
        "task-as-text",
        manifest("DataSyncTaskExecution", "{taskRef: nightly}"),
        "spec.taskRef",
        "must be of type object",
    ),
    Case(
        "execution-rate-zero",
        manifest("DataSyncTaskExecution", "{taskRef: {name: a}, bytesPerSecond: 0}"),
        "spec.bytesPerSecond",
        "write -1 for unlimited",
    ),
    Case(
        "execution-rate-negative",
        manifest("DataSyncTaskExecution", "{taskRef: {name: a}, bytesPerSecond: -2}"),
        "spec.bytesPerSecond",
        "should be greater than or equal to -1",
    ),
    Case(
        "devices",
        task("options: {preserveDevices: All}"),
        "spec.options.preserveDevices",
        'supported values: "None", "Preserve"',
    ),
    Case(
        "security-descriptors",
        task("options: {securityDescriptorCopyFlags: OWNER_DACL}"),
        "spec.options.securityDescriptorCopyFlags",
        'supported values: "None", "OwnerDACL", "OwnerDACLSACL"',
    ),
    # DataSyncTask: the manifest
    Case(
        "manifest-of-nowhere",
        task("manifest: {format: CSV}"),
        "spec.manifest",
        "set exactly one of configMapKeyRef, path and s3",
    ),
    Case(
        "manifest-of-two-places",
        task("manifest: {path: list.csv, configMapKeyRef: {name: list, key: list.csv}}"),
        "spec.manifest",
        "set exactly one of configMapKeyRef, path and s3",
    ),
    Case(
        "manifest-of-two-places-and-a-bucket",
        task("manifest: {path: list.csv, s3: {locationRef: {name: lists}, key: list.csv}}"),
        "spec.manifest",
        "set exactly one of configMapKeyRef, path and s3",
    ),
    Case(
        "manifest-without-a-key",
        task("manifest: {s3: {locationRef: {name: lists}}}"),
        "spec.manifest.s3.key",
        "Required value",
    ),
    Case(
        "manifest-with-a-key-from-the-root",
        task("manifest: {s3: {locationRef: {name: lists}, key: /list.csv}}"),
        "spec.manifest.s3.key",
        "write the key below the location's prefix",
    ),
    Case(
        "manifest-with-the-key-of-a-folder",
        task("manifest: {s3: {locationRef: {name: lists}, key: lists/}}"),
        "spec.manifest.s3.key",
        "write the key of the object that holds the list",
    ),
    Case(
        "manifest-of-no-version",
        task("manifest: {s3: {locationRef: {name: lists}, key: list.csv, versionId: ''}}"),
        "spec.manifest.s3.versionId",
        "should be at least 1 chars long",
    ),
    Case(
        "manifest-format",
        task("manifest: {format: JSON, path: list.json}"),
        "spec.manifest.format",
        'supported values: "CSV"',
    ),
    Case(
        "manifest-above-the-source",
        task("manifest: {path: ../list.csv}"),
        "spec.manifest.path",
        "name the folder itself, from the root of the export or volume",
    ),
    Case(
        "manifest-and-includes",
        task("manifest: {path: list.csv}, includes: [{value: /a}]"),
        "spec.manifest",
        "remove manifest, or includes and excludes",
    ),
    Case(
        "manifest-and-excludes",
        task("manifest: {path: list.csv}, excludes: [{value: '*.tmp'}]"),
        "spec.manifest",
        "remove manifest, or includes and excludes",
    ),
    Case(
        "manifest-and-remove",
        task("manifest: {path: list.csv}, options: {preserveDeletedFiles: Remove}"),
        "spec.manifest",
        "set options.preserveDeletedFiles to Preserve, or remove manifest",
    ),
    # DataSyncAgent
    Case(
        "no-slots",
        agent("{maxConcurrentExecutions: 0}"),
        "spec.maxConcurrentExecutions",
        "should be greater than or equal to 1",
    ),
    Case(
        "negative-user",
        agent("{runAsUser: -1}"),
        "spec.runAsUser",
        "should be greater than or equal to 0",
    ),
    Case(
        "privileged",
        agent("{privileges: Privileged}"),
        "spec.privileges",
        'supported values: "Restricted", "ReadAll", "PreserveOwnership"',
    ),
    Case(
        "quantity-words",
        agent("{resources: {requests: {memory: 2 gigabytes}}}"),
        "spec.resources.requests[memory]",
        "write a number with a unit, such as 500m or 2Gi",
    ),
    Case(
        "quantity-negative",
        agent("{resources: {limits: {cpu: -2}}}"),
        "spec.resources.limits[cpu]",
        "write a number with a unit, such as 500m or 2Gi",
    ),
    Case(
        "object-name",
        agent("{}").replace("name: example", "name: My_Agent"),
        "metadata.name",
        "a lowercase RFC 1123 subdomain must consist of",
    ),
)
