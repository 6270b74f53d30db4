package join

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Passwords remembers the password of each node, as k3s does, in Secrets <node>.node-password.k3s. A node
// that was deleted from the cluster may come back with another one.
func Passwords(api kubernetes.Interface) func(ctx context.Context, node, password string) error {
	return func(ctx context.Context, node, password string) error {
		sum := sha256.Sum256([]byte(password))
		hash := hex.EncodeToString(sum[:])
		secrets := api.CoreV1().Secrets(metav1.NamespaceSystem)
		want := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: node + ".node-password.k3s"},
			Data:       map[string][]byte{"hash": []byte(hash)},
		}
		got, err := secrets.Get(ctx, want.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = secrets.Create(ctx, want, metav1.CreateOptions{})
			return err
		}
		if err != nil || string(got.Data["hash"]) == hash {
			return err
		}
		if _, err := api.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{}); err == nil {
			return ErrPassword
		} else if !apierrors.IsNotFound(err) {
			return err
		}
		_, err = secrets.Update(ctx, want, metav1.UpdateOptions{})
		return err
	}
}
