package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"whisklab/standins/k3s/logs"
)

const (
	provisioner  = "rancher.io/local-path"
	selectedNode = "volume.kubernetes.io/selected-node"
	madeBy       = "pv.kubernetes.io/provisioned-by"
)

// keepVolumes makes a directory and a PersistentVolume for each claim of the class local-path whose pod the
// scheduler has put on this node, and removes both when the claim is gone.
func (n *node) keepVolumes(ctx context.Context, api kubernetes.Interface) {
	factory := informers.NewSharedInformerFactory(api, 0)
	claims := factory.Core().V1().PersistentVolumeClaims().Lister()
	volumes := factory.Core().V1().PersistentVolumes().Lister()
	classes := factory.Storage().V1().StorageClasses().Lister()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for ctx.Err() == nil {
		asked, _ := claims.List(labels.Everything()) // a cache's list does not fail
		for _, c := range asked {
			class, err := classes.Get(className(c))
			if err != nil || class.Provisioner != provisioner || c.Spec.VolumeName != "" || c.Annotations[selectedNode] != n.Name {
				continue
			}
			if err := n.makeVolume(ctx, api, c, class); err != nil {
				logs.Error("volume for %s/%s: %v", c.Namespace, c.Name, err)
			}
		}
		made, _ := volumes.List(labels.Everything())
		for _, v := range made {
			if err := n.dropVolume(ctx, api, v); err != nil {
				logs.Error("volume %s: %v", v.Name, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // the caches are fresh by themselves
		}
	}
}

func className(c *corev1.PersistentVolumeClaim) string {
	if c.Spec.StorageClassName == nil {
		return ""
	}
	return *c.Spec.StorageClassName
}

func (n *node) storage() string { return filepath.Join(n.Get("data-dir"), "storage") }

func (n *node) makeVolume(ctx context.Context, api kubernetes.Interface, c *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	name := "pvc-" + string(c.UID)
	path := filepath.Join(n.storage(), fmt.Sprintf("%s_%s_%s", name, c.Namespace, c.Name))
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o777); err != nil { // whatever the umask
		return err
	}
	create := corev1.HostPathDirectoryOrCreate
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{madeBy: provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: c.Spec.Resources.Requests, AccessModes: c.Spec.AccessModes, VolumeMode: c.Spec.VolumeMode,
			PersistentVolumeReclaimPolicy: *class.ReclaimPolicy, StorageClassName: class.Name,
			ClaimRef: &corev1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: c.Namespace, Name: c.Name, UID: c.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &create},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{n.Name},
				}}}},
			}},
		},
	}
	_, err := api.CoreV1().PersistentVolumes().Create(ctx, v, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		logs.Info("Made volume %s for %s/%s", name, c.Namespace, c.Name)
	}
	return err
}

// dropVolume removes a released volume of this node, and nothing outside the storage directory.
func (n *node) dropVolume(ctx context.Context, api kubernetes.Interface, v *corev1.PersistentVolume) error {
	if v.Status.Phase != corev1.VolumeReleased || v.Annotations[madeBy] != provisioner || v.Spec.HostPath == nil ||
		v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || !n.holds(v) {
		return nil
	}
	path := filepath.Clean(v.Spec.HostPath.Path)
	if filepath.Dir(path) != n.storage() || !strings.HasPrefix(filepath.Base(path), "pvc-") {
		return fmt.Errorf("%s is not a directory of ours", path)
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	err := api.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (n *node) holds(v *corev1.PersistentVolume) bool {
	a := v.Spec.NodeAffinity
	if a == nil || a.Required == nil || len(a.Required.NodeSelectorTerms) != 1 {
		return false
	}
	for _, e := range a.Required.NodeSelectorTerms[0].MatchExpressions {
		if e.Key == corev1.LabelHostname && len(e.Values) == 1 && e.Values[0] == n.Name {
			return true
		}
	}
	return false
}
