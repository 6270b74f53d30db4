package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func provision(t *testing.T, parameters map[string]string) (*export, *corev1.PersistentVolume, error) {
	t.Helper()
	policy := corev1.PersistentVolumeReclaimDelete
	class := &storagev1.StorageClass{Parameters: parameters, ReclaimPolicy: &policy}
	e := &export{server: "10.0.0.1", path: "/export", mounted: t.TempDir(),
		class: func(context.Context, *corev1.PersistentVolume) (*storagev1.StorageClass, error) { return class, nil }}
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data", Namespace: "apps",
		Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"nfs.io/path": "../.."}}}
	volume, _, err := e.Provision(context.Background(), controller.ProvisionOptions{StorageClass: class, PVName: "pvc-1", PVC: claim})
	return e, volume, err
}

func TestDirectoryOfAClaim(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                                      "apps-data-pvc-1",
		"${.PVC.namespace}/${.PVC.labels.team}": "apps/a",
		"x-${.PVC.name}":                        "x-data",
	} {
		e, volume, err := provision(t, map[string]string{pathPattern: pattern})
		if err != nil {
			t.Fatal(err)
		}
		if got := volume.Spec.NFS.Path; got != "/export/"+want || volume.Spec.NFS.Server != e.server {
			t.Errorf("%q: got %s", pattern, got)
		}
		if info, err := os.Stat(filepath.Join(e.mounted, want)); err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("%q: %v %v", pattern, info, err)
		}
	}
}

func TestNothingLeavesTheExport(t *testing.T) {
	if _, _, err := provision(t, map[string]string{pathPattern: "${.PVC.annotations.nfs.io/path}"}); err == nil {
		t.Error("a path above the export was accepted")
	}
}

func TestWhatBecomesOfADirectory(t *testing.T) {
	for _, c := range []struct {
		parameters map[string]string
		want       string
	}{
		{nil, "archived-apps-data-pvc-1"},
		{map[string]string{archiveOnDelete: "true"}, "archived-apps-data-pvc-1"},
		{map[string]string{archiveOnDelete: "false"}, ""},
		{map[string]string{onDelete: "delete", archiveOnDelete: "true"}, ""},
		{map[string]string{onDelete: "retain"}, "apps-data-pvc-1"},
	} {
		e, volume, err := provision(t, c.parameters)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time there is nothing to do, unless it was kept
			if err := e.Delete(context.Background(), volume); err != nil {
				t.Errorf("%v: %v", c.parameters, err)
			}
		}
		entries, err := os.ReadDir(e.mounted)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, entry := range entries {
			got += entry.Name()
		}
		if got != c.want {
			t.Errorf("%v: left %q, want %q", c.parameters, got, c.want)
		}
	}
}
