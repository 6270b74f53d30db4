package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// Parameters of the storage class, as the chart writes them.
const (
	pathPattern     = "pathPattern"
	onDelete        = "onDelete"
	archiveOnDelete = "archiveOnDelete"
)

// export is an NFS export that is also mounted here.
type export struct {
	server, path string
	mounted      string
	class        func(context.Context, *corev1.PersistentVolume) (*storagev1.StorageClass, error)
}

var placeholder = regexp.MustCompile(`\$\{\.PVC\.(name|namespace|labels\.[^}]+|annotations\.[^}]+)\}`)

// Provision makes the directory of a claim: NAMESPACE-CLAIM-VOLUME, or what the class's pattern says.
func (e *export) Provision(_ context.Context, o controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if o.PVC.Spec.Selector != nil {
		return nil, controller.ProvisioningFinished, errors.New("a claim with a selector is not supported")
	}
	name := fill(o.StorageClass.Parameters[pathPattern], o.PVC)
	if name == "" {
		name = strings.Join([]string{o.PVC.Namespace, o.PVC.Name, o.PVName}, "-")
	}
	if !filepath.IsLocal(name) {
		return nil, controller.ProvisioningFinished, fmt.Errorf("%s leaves the export", name)
	}
	directory := filepath.Join(e.mounted, name)
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Chmod(directory, 0o777); err != nil { // whatever the umask is
		return nil, controller.ProvisioningFinished, err
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			MountOptions:                  o.StorageClass.MountOptions,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: o.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				NFS: &corev1.NFSVolumeSource{Server: e.server, Path: filepath.Join(e.path, name)},
			},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the directory of a volume, keeps it, or renames it to archived-NAME, as its class says.
func (e *export) Delete(ctx context.Context, volume *corev1.PersistentVolume) error {
	name, err := filepath.Rel(e.path, volume.Spec.NFS.Path)
	if err != nil || !filepath.IsLocal(name) || name == "." {
		return fmt.Errorf("%s is not below %s", volume.Spec.NFS.Path, e.path)
	}
	directory := filepath.Join(e.mounted, name)
	if _, err := os.Stat(directory); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	class, err := e.class(ctx, volume)
	if err != nil {
		return err
	}
	switch class.Parameters[onDelete] {
	case "delete":
		return os.RemoveAll(directory)
	case "retain":
		return nil
	}
	if given, ok := class.Parameters[archiveOnDelete]; ok {
		archive, err := strconv.ParseBool(given)
		if err != nil {
			return err
		}
		if !archive {
			return os.RemoveAll(directory)
		}
	}
	return os.Rename(directory, filepath.Join(e.mounted, "archived-"+strings.ReplaceAll(name, "/", "-")))
}

// fill puts what a claim says into a pattern such as ${.PVC.namespace}/${.PVC.annotations.nfs.io/path}.
func fill(pattern string, claim *corev1.PersistentVolumeClaim) string {
	return placeholder.ReplaceAllStringFunc(pattern, func(found string) string {
		kind, key, _ := strings.Cut(placeholder.FindStringSubmatch(found)[1], ".")
		switch kind {
		case "name":
			return claim.Name
		case "namespace":
			return claim.Namespace
		case "labels":
			return claim.Labels[key]
		}
		return claim.Annotations[key]
	})
}

// classOf returns what finds the storage class of a volume.
func classOf(api kubernetes.Interface) func(context.Context, *corev1.PersistentVolume) (*storagev1.StorageClass, error) {
	return func(ctx context.Context, volume *corev1.PersistentVolume) (*storagev1.StorageClass, error) {
		return api.StorageV1().StorageClasses().Get(ctx, volume.Spec.StorageClassName, metav1.GetOptions{})
	}
}
